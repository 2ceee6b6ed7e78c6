"""Voice channels over the real gateway and voice protocols."""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from unittest.mock import AsyncMock

import pytest

from bots.discord_bot import DiscordBot as Bot
from bots.discord_bot.voice.channels import ALONE_S
from bots.discord_bot.voice.connection import VoiceConnection
from core.errors import UserError
from core.models import Message
from tests.emulators.discord import DiscordServer as Server
from tests.emulators.discord.records import STAGE, VOICE_CHANNEL
from tests.emulators.discord.voice import SILENCE
from tests.support.audio_samples import tone
from tests.support.discord_voice import RATE, VoiceScenario
from tests.support.spectrum import level_at
from tests.support.virtual_time import current_clock


@pytest.fixture
async def scenario(
    server: Server, running: Bot, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[VoiceScenario]:
    connect: Callable[..., Awaitable[Any]] = running.client.http.ws_connect

    async def ws_connect(url: str, **options: Any) -> Any:
        # The virtual Discord has no certificate.
        return await connect(url.replace("wss://127.", "ws://127."), **options)

    monkeypatch.setattr(running.client.http, "ws_connect", ws_connect)
    ann, ben = server.add_user("Ann"), server.add_user("Ben")
    guild = server.add_guild(members=[ann, ben])
    stage = server.add_channel(guild, "Sofa", VOICE_CHANNEL)
    scenario = VoiceScenario(server, running, ann, ben, guild, server.channel(guild), stage)
    await scenario.enter(stage, ann)
    yield scenario
    await scenario.voice.close()


async def test_it_joins_and_leaves_on_command(scenario: VoiceScenario) -> None:
    assert scenario.voice.find(scenario.message()) == ""
    # The first try is not answered.
    scenario.server.gateway.voice.is_unresponsive = True
    coming = asyncio.create_task(scenario.voice.join(scenario.message()))
    await asyncio.sleep(5)
    scenario.server.gateway.voice.is_unresponsive = False
    assert await coming == await scenario.voice.join(scenario.message()) == "Sofa"
    assert scenario.where() == scenario.stage and scenario.voice.find(scenario.message()) == "Sofa"
    assert len(scenario.server.gateway.voice.sessions) == 1
    updates = scenario.server.gateway.voice.voice_state_updates
    assert len(updates) > 1 and updates[0]["self_deaf"] is True
    assert scenario.voice.is_present(scenario.message())
    assert not scenario.voice.is_present(scenario.message(scenario.ben))
    await scenario.voice.leave(scenario.message())
    assert scenario.where() == "" and scenario.voice.find(scenario.message()) == ""


@pytest.mark.real_time
async def test_speech_on_a_stage_is_streamed(scenario: VoiceScenario) -> None:
    stage = scenario.server.add_channel(scenario.guild, "Reading", STAGE)
    scenario.server.allow(stage, "", "MUTE_MEMBERS")
    await scenario.enter(stage, scenario.ann)
    assert await scenario.voice.join(scenario.message()) == "Reading"
    target = scenario.ask("a", command="say")
    sound = tone(1.0, 440, 8000, RATE)
    for start in range(0, len(sound), 3334):
        scenario.bot.play(target, sound[start : start + 3334], RATE)
        await asyncio.sleep(0.01)  # it comes in pieces, faster than it is heard
    # Before the end is known it is heard already.
    await scenario.server.wait_for(lambda: scenario.spoken() > 10)
    scenario.voice.end("a")
    await scenario.quiet()
    heard = array("h", scenario.server.gateway.voice.received_pcm(scenario.guild))[
        ::2
    ]  # left, at 48 kHz
    middle = heard[len(heard) // 3 : len(heard) * 2 // 3]
    assert level_at(middle, 440, 48_000) == pytest.approx(8000, rel=0.15)
    assert 50 <= scenario.spoken() <= 53
    # The end is silence, so that no player makes up sound; and it says that it has ended.
    voice, end = scenario.server.gateway.voice, [SILENCE] * 5
    await scenario.server.wait_for(
        lambda: [p.opus for p in voice.packets(scenario.guild)[-5:]] == end
    )
    await scenario.server.wait_for(lambda: voice.sessions[0].speaking[-1] == 0)
    assert voice.dropped_packets == 0 and scenario.where() == stage  # it has become a speaker
    packets = voice.packets(scenario.guild)
    assert [p.timestamp for p in packets] == [n * 960 for n in range(len(packets))]


@pytest.mark.real_time
@pytest.mark.parametrize("cause", ["stop", "disconnect", "another server", "lost line"])
async def test_speech_asked_for_earlier_is_never_played(
    scenario: VoiceScenario, cause: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await scenario.voice.join(scenario.message())
    before, late = scenario.ask("a"), scenario.ask("b")
    scenario.play(before, 5.0)
    await scenario.server.wait_for(lambda: scenario.spoken() > 10)
    if cause == "stop":
        scenario.voice.stop(scenario.message())
    elif cause == "disconnect":
        scenario.server.gateway.voice.move(scenario.guild, scenario.server.world.bot.user_id, "")
        await scenario.server.wait_for(lambda: not scenario.bot.client.voice_clients)
    else:
        monkeypatch.setattr("discord.VoiceClient.on_voice_server_update", AsyncMock())
        if cause == "another server":
            await scenario.connection.on_voice_server_update({})
        else:
            assert not scenario.connection.wait_until_connected()
        with monkeypatch.context() as patch:
            patch.setattr(scenario.connection, "is_connected", lambda: False)
            scenario.play(late, 5.0)
    if cause != "disconnect":
        await scenario.quiet()
    count = scenario.spoken()
    assert count < 60
    await scenario.voice.join(scenario.message())
    scenario.play(before, 1.0)
    scenario.play(late, 1.0)
    await scenario.hears_alone("c", count)


async def test_it_leaves_an_empty_channel(scenario: VoiceScenario) -> None:
    await scenario.voice.join(scenario.message())
    voice = scenario.server.gateway.voice
    robot = scenario.server.add_user("Robot", is_bot=True)
    scenario.server.add_member(scenario.guild, robot)
    for who in (robot, scenario.ben):
        voice.move(scenario.guild, who, scenario.stage)
    for who in (scenario.ann, scenario.ben):
        voice.move(scenario.guild, who, "")
    await asyncio.sleep(ALONE_S / 5)
    voice.move(scenario.guild, scenario.ben, scenario.stage)  # who comes back soon finds it there
    await asyncio.sleep(ALONE_S + 1)
    voice.move(scenario.guild, scenario.ben, "")
    await asyncio.sleep(ALONE_S - 1)
    assert scenario.where() == scenario.stage
    await scenario.server.wait_for(lambda: scenario.where() == "", 2)
    await scenario.server.wait_for(lambda: scenario.voice.find(scenario.message()) == "")


async def test_it_says_why_it_cannot_join(
    scenario: VoiceScenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refusal(message: Message) -> str:
        with pytest.raises(UserError) as caught:
            await scenario.voice.join(message)
        return caught.value.user_text

    assert "voice channel first" in await refusal(scenario.message(scenario.ben))
    assert "no voice channels" in await refusal(scenario.message(is_private=True))
    with monkeypatch.context() as patch:
        patch.setattr(VoiceConnection, "warn_dave", True)
        assert "davey" in await refusal(scenario.message())
        # What it stands for: without davey the library refuses.
        patch.setattr("discord.voice_client.has_dave", False)
        with pytest.raises(RuntimeError, match="davey"):
            VoiceConnection(None, None)  # type: ignore[arg-type]
    scenario.server.deny(scenario.stage, "", "SPEAK")
    await asyncio.sleep(1)
    assert "permissions Connect and Speak" in await refusal(scenario.message())
    scenario.server.allow(scenario.stage, "", "SPEAK")
    await asyncio.sleep(1)
    scenario.server.gateway.voice.is_unresponsive = True
    assert "could not join" in await refusal(scenario.message())
    assert not scenario.bot.client.voice_clients


@pytest.mark.parametrize("is_late", [False, True])
async def test_it_says_when_it_cannot_speak_on_a_stage(
    scenario: VoiceScenario, is_late: bool
) -> None:
    stage = scenario.server.add_channel(scenario.guild, "Reading", STAGE)
    await scenario.enter(stage, scenario.ann)
    if is_late:
        # The right is taken away just before it is needed.
        scenario.server.allow(stage, "", "MUTE_MEMBERS")
        channel: Any = scenario.bot.client.get_channel(int(stage))
        await scenario.server.wait_for(
            lambda: channel.permissions_for(channel.guild.me).mute_members
        )
        refused = "PATCH /guilds/{guild}/voice-states/@me"
        scenario.server.fault(refused, "status", status=403, code=50013)
    with pytest.raises(UserError) as caught:
        await scenario.voice.join(scenario.message())
    assert "Mute Members" in caught.value.user_text
    assert caught.value.values == {"channel": "Reading"}
    await scenario.server.wait_for(lambda: scenario.where() == "")
    assert scenario.voice.find(scenario.message()) == ""


async def test_it_does_not_leave_other_people(scenario: VoiceScenario) -> None:
    await scenario.voice.join(scenario.message())
    other = scenario.server.add_channel(scenario.guild, "Kitchen", VOICE_CHANNEL)
    await scenario.enter(other, scenario.ben)
    with pytest.raises(UserError, match="other people"):
        await scenario.voice.join(scenario.message(scenario.ben))
    scenario.server.gateway.voice.move(scenario.guild, scenario.ann, "")
    await scenario.server.wait_for(lambda: not scenario.voice.is_present(scenario.message()))
    assert await scenario.voice.join(scenario.message(scenario.ben)) == "Kitchen"
    assert scenario.where() == other


@pytest.mark.real_time
async def test_only_public_replies_are_played(scenario: VoiceScenario) -> None:
    await scenario.voice.join(scenario.message())
    elsewhere = scenario.server.add_channel(scenario.guild, "elsewhere")
    await scenario.server.wait_for(lambda: scenario.bot.client.get_channel(int(elsewhere)))
    now = current_clock().now()
    scenario.play(scenario.ask("a", channel=elsewhere, command="ask"))
    scenario.play(scenario.ask("b", scenario.ben, channel=elsewhere, command="say"))
    scenario.play(scenario.ask("c", sent_at=now - timedelta(minutes=1)))
    scenario.play(scenario.ask("d", reply_token=f"1:token:{int(now.timestamp())}:e", command="say"))
    scenario.play(scenario.ask("e", is_private=True, command="say"))
    scenario.play(scenario.ask("f", channel="user:42", command="say"))
    await scenario.hears_alone("g", 0, channel=elsewhere, command="say")


async def test_a_chat_is_read_aloud_until_it_leaves(scenario: VoiceScenario) -> None:
    message = scenario.message()
    scenario.voice.read(message, is_on=True)
    assert not scenario.voice.is_read(message)
    await scenario.voice.join(message)
    scenario.voice.read(message, is_on=True)
    assert scenario.voice.is_read(scenario.message(scenario.ben))
    assert not scenario.voice.is_read(replace(message, thread_id="5"))
    assert not scenario.voice.is_read(
        scenario.message(sent_at=message.sent_at - timedelta(seconds=1))
    )
    scenario.voice.read(message, is_on=False)
    assert not scenario.voice.is_read(scenario.message())
    scenario.voice.read(message, is_on=True)
    await scenario.voice.leave(message)
    await scenario.voice.join(scenario.message())
    assert not scenario.voice.is_read(scenario.message())
