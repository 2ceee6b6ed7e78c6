"""Voice channels over the real gateway and voice protocols."""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from unittest.mock import AsyncMock

import pytest

from bots.discord_bot import DiscordBot as Bot
from bots.discord_bot.voice.channels import ALONE_S, DiscordVoiceChannels
from bots.discord_bot.voice.connection import VoiceConnection
from core.errors import UserError
from core.interfaces import DeliveryTarget
from core.models import Message
from tests.emulators.discord import DiscordServer as Server
from tests.emulators.discord.records import STAGE, VOICE_CHANNEL
from tests.emulators.discord.voice import SILENCE
from tests.support.discord_inbox import make_message, make_target
from tests.support.sounds import tone
from tests.support.spectrum import level_at
from tests.support.virtual_time import current_clock

RATE = 24_000


@dataclass
class Hall:
    """A server with Ann and Ben, a text channel, and a voice channel with Ann in it."""

    server: Server
    bot: Bot
    ann: str
    ben: str
    guild: str
    room: str
    stage: str

    def message(self, sender: str = "", room: str = "", **fields: Any) -> Message:
        values = {"is_private": False, "attachment": None, "sent_at": current_clock().now()}
        return make_message(room or self.room, sender_id=sender or self.ann, **values | fields)

    def ask(self, job_id: str, sender: str = "", **fields: Any) -> DeliveryTarget:
        return make_target(self.message(sender, **fields), job_id)[0]

    @property
    def voice(self) -> DiscordVoiceChannels:
        assert isinstance(self.bot.voice, DiscordVoiceChannels)
        return self.bot.voice

    @property
    def stay(self) -> VoiceConnection:
        [stay] = self.bot.client.voice_clients
        assert isinstance(stay, VoiceConnection)
        return stay

    def play(self, target: DeliveryTarget, seconds: float = 0.4) -> None:
        """Play a tone for a message of Ann's."""
        self.bot.play(target, tone(seconds, 440, 8000, RATE), RATE)

    def where(self) -> str:
        return self.server.gateway.voice.channel_of(self.guild)

    async def enter(self, channel_id: str, person: str) -> None:
        """Move somebody to a voice channel and wait until the bot knows."""
        find, room = self.bot.client.get_channel, int(channel_id)
        channel: Any = await self.server.wait_for(lambda: find(room))
        self.server.gateway.voice.move(self.guild, person, channel_id)
        await self.server.wait_for(lambda: int(person) in channel.voice_states)

    def spoken(self) -> int:
        """Return the number of packets that are not silence."""
        packets = self.server.gateway.voice.packets(self.guild)
        return sum(packet.opus != SILENCE for packet in packets)

    async def hears_alone(self, job_id: str, count: int, **fields: Any) -> None:
        """Check that what is said now is heard, and that nothing else was since `count`.

        What had been taken before it would be heard before it.
        """
        self.play(self.ask(job_id, **fields))
        self.voice.end(job_id)
        await self.server.wait_for(lambda: self.spoken() >= count + 20)
        await self.quiet()
        assert self.spoken() <= count + 22

    async def quiet(self) -> None:
        """Wait until the bot's speech has ended."""
        await self.server.wait_for(lambda: not (self.stay.is_playing() or self.stay._is_playing))


@pytest.fixture
async def hall(
    server: Server, running: Bot, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Hall]:
    connect: Callable[..., Awaitable[Any]] = running.client.http.ws_connect

    async def ws_connect(url: str, **options: Any) -> Any:
        # The virtual Discord has no certificate.
        return await connect(url.replace("wss://127.", "ws://127."), **options)

    monkeypatch.setattr(running.client.http, "ws_connect", ws_connect)
    ann, ben = server.add_user("Ann"), server.add_user("Ben")
    guild = server.add_guild(members=[ann, ben])
    stage = server.add_channel(guild, "Sofa", VOICE_CHANNEL)
    hall = Hall(server, running, ann, ben, guild, server.channel(guild), stage)
    await hall.enter(stage, ann)
    yield hall
    await hall.voice.close()


async def test_it_joins_and_leaves_on_command(hall: Hall) -> None:
    assert hall.voice.find(hall.message()) == ""
    # The first try is not answered.
    hall.server.gateway.voice.is_unresponsive = True
    coming = asyncio.create_task(hall.voice.join(hall.message()))
    await asyncio.sleep(5)
    hall.server.gateway.voice.is_unresponsive = False
    assert await coming == await hall.voice.join(hall.message()) == "Sofa"
    assert hall.where() == hall.stage and hall.voice.find(hall.message()) == "Sofa"
    assert len(hall.server.gateway.voice.sessions) == 1
    asked = hall.server.gateway.voice.voice_state_updates
    assert len(asked) > 1 and asked[0]["self_deaf"] is True
    assert hall.voice.is_present(hall.message())
    assert not hall.voice.is_present(hall.message(hall.ben))
    await hall.voice.leave(hall.message())
    assert hall.where() == "" and hall.voice.find(hall.message()) == ""


@pytest.mark.real_time
async def test_speech_on_a_stage_is_streamed(hall: Hall) -> None:
    stage = hall.server.add_channel(hall.guild, "Reading", STAGE)
    hall.server.allow(stage, "", "MUTE_MEMBERS")
    await hall.enter(stage, hall.ann)
    assert await hall.voice.join(hall.message()) == "Reading"
    target = hall.ask("a", command="say")
    sound = tone(1.0, 440, 8000, RATE)
    for start in range(0, len(sound), 3334):
        hall.bot.play(target, sound[start : start + 3334], RATE)
        await asyncio.sleep(0.01)  # it comes in pieces, faster than it is heard
    # Before the end is known it is heard already.
    await hall.server.wait_for(lambda: hall.spoken() > 10)
    hall.voice.end("a")
    await hall.quiet()
    heard = array("h", hall.server.gateway.voice.received_pcm(hall.guild))[::2]  # left, at 48 kHz
    middle = heard[len(heard) // 3 : len(heard) * 2 // 3]
    assert level_at(middle, 440, 48_000) == pytest.approx(8000, rel=0.15)
    assert 50 <= hall.spoken() <= 53
    # The end is silence, so that no player makes up sound; and it says that it has ended.
    voice, end = hall.server.gateway.voice, [SILENCE] * 5
    await hall.server.wait_for(lambda: [p.opus for p in voice.packets(hall.guild)[-5:]] == end)
    await hall.server.wait_for(lambda: voice.sessions[0].speaking[-1] == 0)
    assert voice.dropped_packets == 0 and hall.where() == stage  # it has become a speaker
    packets = voice.packets(hall.guild)
    assert [p.timestamp for p in packets] == [n * 960 for n in range(len(packets))]


@pytest.mark.real_time
@pytest.mark.parametrize("cause", ["stop", "disconnect", "another server", "lost line"])
async def test_speech_asked_for_earlier_is_never_played(
    hall: Hall, cause: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await hall.voice.join(hall.message())
    before, late = hall.ask("a"), hall.ask("b")
    hall.play(before, 5.0)
    await hall.server.wait_for(lambda: hall.spoken() > 10)
    if cause == "stop":
        hall.voice.stop(hall.message())
    elif cause == "disconnect":
        hall.server.gateway.voice.move(hall.guild, hall.server.world.bot.user_id, "")
        await hall.server.wait_for(lambda: not hall.bot.client.voice_clients)
    else:
        monkeypatch.setattr("discord.VoiceClient.on_voice_server_update", AsyncMock())
        if cause == "another server":
            await hall.stay.on_voice_server_update({})
        else:
            assert not hall.stay.wait_until_connected()
        with monkeypatch.context() as patch:
            patch.setattr(hall.stay, "is_connected", lambda: False)
            hall.play(late, 5.0)
    if cause != "disconnect":
        await hall.quiet()
    count = hall.spoken()
    assert count < 60
    await hall.voice.join(hall.message())
    hall.play(before, 1.0)
    hall.play(late, 1.0)
    await hall.hears_alone("c", count)


async def test_it_leaves_an_empty_channel(hall: Hall) -> None:
    await hall.voice.join(hall.message())
    voice = hall.server.gateway.voice
    robot = hall.server.add_user("Robot", is_bot=True)
    hall.server.add_member(hall.guild, robot)
    for who in (robot, hall.ben):
        voice.move(hall.guild, who, hall.stage)
    for who in (hall.ann, hall.ben):
        voice.move(hall.guild, who, "")
    await asyncio.sleep(ALONE_S / 5)
    voice.move(hall.guild, hall.ben, hall.stage)  # who comes back soon finds it there
    await asyncio.sleep(ALONE_S + 1)
    voice.move(hall.guild, hall.ben, "")
    await asyncio.sleep(ALONE_S - 1)
    assert hall.where() == hall.stage
    await hall.server.wait_for(lambda: hall.where() == "", 2)
    await hall.server.wait_for(lambda: hall.voice.find(hall.message()) == "")


async def test_it_says_why_it_cannot_join(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refusal(message: Message) -> str:
        with pytest.raises(UserError) as caught:
            await hall.voice.join(message)
        return caught.value.user_text

    assert "voice channel first" in await refusal(hall.message(hall.ben))
    assert "no voice channels" in await refusal(hall.message(is_private=True))
    with monkeypatch.context() as patch:
        patch.setattr(VoiceConnection, "warn_dave", True)
        assert "davey" in await refusal(hall.message())
        # What it stands for: without davey the library refuses.
        patch.setattr("discord.voice_client.has_dave", False)
        with pytest.raises(RuntimeError, match="davey"):
            VoiceConnection(None, None)  # type: ignore[arg-type]
    hall.server.deny(hall.stage, "", "SPEAK")
    await asyncio.sleep(1)
    assert "do not have permission" in await refusal(hall.message())
    hall.server.allow(hall.stage, "", "SPEAK")
    await asyncio.sleep(1)
    hall.server.gateway.voice.is_unresponsive = True
    assert "could not join" in await refusal(hall.message())
    assert not hall.bot.client.voice_clients


@pytest.mark.parametrize("is_late", [False, True])
async def test_it_says_when_it_cannot_speak_on_a_stage(hall: Hall, is_late: bool) -> None:
    stage = hall.server.add_channel(hall.guild, "Reading", STAGE)
    await hall.enter(stage, hall.ann)
    if is_late:
        # The right is taken away just before it is needed.
        hall.server.allow(stage, "", "MUTE_MEMBERS")
        channel: Any = hall.bot.client.get_channel(int(stage))
        await hall.server.wait_for(lambda: channel.permissions_for(channel.guild.me).mute_members)
        refused = "PATCH /guilds/{guild}/voice-states/@me"
        hall.server.fault(refused, "status", status=403, code=50013)
    with pytest.raises(UserError) as caught:
        await hall.voice.join(hall.message())
    assert "Mute Members" in caught.value.user_text
    assert caught.value.values == {"channel": "Reading"}
    await hall.server.wait_for(lambda: hall.where() == "")
    assert hall.voice.find(hall.message()) == ""


async def test_it_does_not_leave_other_people(hall: Hall) -> None:
    await hall.voice.join(hall.message())
    other = hall.server.add_channel(hall.guild, "Kitchen", VOICE_CHANNEL)
    await hall.enter(other, hall.ben)
    with pytest.raises(UserError, match="other people"):
        await hall.voice.join(hall.message(hall.ben))
    hall.server.gateway.voice.move(hall.guild, hall.ann, "")
    await hall.server.wait_for(lambda: not hall.voice.is_present(hall.message()))
    assert await hall.voice.join(hall.message(hall.ben)) == "Kitchen"
    assert hall.where() == other


@pytest.mark.real_time
async def test_only_public_replies_are_played(hall: Hall) -> None:
    await hall.voice.join(hall.message())
    elsewhere = hall.server.add_channel(hall.guild, "elsewhere")
    await hall.server.wait_for(lambda: hall.bot.client.get_channel(int(elsewhere)))
    now = current_clock().now()
    hall.play(hall.ask("a", room=elsewhere, command="ask"))
    hall.play(hall.ask("b", hall.ben, room=elsewhere, command="say"))
    hall.play(hall.ask("c", sent_at=now - timedelta(minutes=1)))
    hall.play(hall.ask("d", reply_token=f"1:token:{int(now.timestamp())}:e", command="say"))
    hall.play(hall.ask("e", is_private=True, command="say"))
    hall.play(hall.ask("f", room="user:42", command="say"))
    await hall.hears_alone("g", 0, room=elsewhere, command="say")


async def test_a_chat_is_read_aloud_until_it_leaves(hall: Hall) -> None:
    message = hall.message()
    hall.voice.read(message, is_on=True)
    assert not hall.voice.is_read(message)
    await hall.voice.join(message)
    hall.voice.read(message, is_on=True)
    assert hall.voice.is_read(hall.message(hall.ben))
    assert not hall.voice.is_read(replace(message, thread_id="5"))
    assert not hall.voice.is_read(hall.message(sent_at=message.sent_at - timedelta(seconds=1)))
    hall.voice.read(message, is_on=False)
    assert not hall.voice.is_read(hall.message())
    hall.voice.read(message, is_on=True)
    await hall.voice.leave(message)
    await hall.voice.join(hall.message())
    assert not hall.voice.is_read(hall.message())
