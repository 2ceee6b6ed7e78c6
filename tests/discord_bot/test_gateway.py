"""What may go wrong with the gateway, and what the bot does then."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace

import pytest
from discord.gateway import KeepAliveHandler
from pydantic import SecretStr

from bots.discord_bot.client import Pace
from bots.discord_bot.heartbeats import LOOKS
from core.config import Settings
from core.errors import ConfigError, PlatformLocked
from tests.discord_bot.conftest import QuickBot, run_bot
from tests.emulators.discord import DiscordServer
from tests.support.discord_inbox import FakeInbox, make_message


class ImpatientBot(QuickBot):
    """A bot that counts the gateway as dead after a second."""

    pace = replace(QuickBot.pace, beat_s=0.3, silence_s=0.9)


def list_beats() -> list[threading.Thread]:
    """Return the SDK's threads that keep connections alive."""
    return [one for one in threading.enumerate() if isinstance(one, KeepAliveHandler)]


async def hears(server: DiscordServer, door: FakeInbox, user: str) -> None:
    """Wait until what a person writes now comes in."""
    text = f"heard? {len(door.messages)}"
    server.send_text(server.dm(user), user, text)
    await server.wait_for(lambda: text in door.texts(), 30)


@pytest.mark.parametrize("code", [1000, 1001, 4000, 4008, 4009])
async def test_after_a_close_it_is_back(
    discord_server: DiscordServer, running: QuickBot, door: FakeInbox, code: int
) -> None:
    """H1."""
    server = discord_server
    ann = server.add_user("Ann")
    server.close_gateway(code)
    await server.wait_for(lambda: server.gateway.closes)
    await server.wait_for(lambda: running.is_ready and server.connected(), 30)
    await hears(server, door, ann)
    assert server.identifies() <= 2


async def test_it_resumes_where_that_is_asked_for(
    discord_server: DiscordServer, running: QuickBot, door: FakeInbox
) -> None:
    server = discord_server
    ann = server.add_user("Ann")
    server.ask_reconnect()
    await server.wait_for(server.resumes)
    server.invalidate(is_resumable=True)
    await server.wait_for(lambda: server.resumes() == 2)
    await hears(server, door, ann)
    assert server.identifies() == 1


async def test_a_session_that_is_gone_is_begun_anew_at_the_same_address(
    discord_server: DiscordServer, running: QuickBot, door: FakeInbox
) -> None:
    server = discord_server
    ann = server.add_user("Ann")
    server.invalidate()
    await server.wait_for(lambda: server.identifies() == 2)
    await hears(server, door, ann)


async def test_a_gateway_that_is_only_quiet_is_asked_and_stays(
    discord_server: DiscordServer, settings: Settings, door: FakeInbox
) -> None:
    """It wants a heartbeat every 41.25 s: in between it says nothing by itself."""
    server = discord_server
    async with run_bot(settings, door, ImpatientBot) as bot:
        await server.wait_for(lambda: len(server.gateway.sessions.beats) >= 6)
        beats = server.gateway.sessions.beats
        assert beats[5].at - beats[1].at > bot.pace.silence_s
        assert (server.identifies(), server.resumes()) == (1, 0) and bot.is_ready
        # Each answer is counted from the beat that it belongs to.
        assert bot.client.latency < bot.pace.beat_s


async def test_a_silent_connection_counts_as_dead(
    discord_server: DiscordServer, settings: Settings, door: FakeInbox
) -> None:
    """H1: taken up again at once, though the other side does not even agree to an end."""
    server, clock = discord_server, asyncio.get_running_loop().time
    ann = server.add_user("Ann")
    async with run_bot(settings, door, ImpatientBot) as bot:
        begun_s = clock()
        server.make_zombies()
        await server.wait_for(server.resumes)
        assert clock() - begun_s >= bot.pace.silence_s * 0.5
        assert server.identifies() == 1
        await hears(server, door, ann)


async def test_a_silent_gateway_does_not_hold_up_the_end(
    discord_server: DiscordServer, settings: Settings, door: FakeInbox
) -> None:
    clock = asyncio.get_running_loop().time
    async with run_bot(settings, door):
        discord_server.make_zombies()
        begun_s = clock()
    # The SDK alone waits half a minute for an end to be agreed on.
    assert clock() - begun_s < 15


def test_a_silent_gateway_is_left_within_30_seconds() -> None:
    pace = Pace()
    noticed_s = pace.silence_s + pace.beat_s / LOOKS
    # Before that it was asked, and had as long to answer as anything takes that still works.
    answer_s = pace.silence_s - pace.beat_s * (1 + 1 / LOOKS)
    assert noticed_s <= 25 and answer_s >= 10
    # The SDK's own, slower way comes later, and we ask less often than the limit of 120 a minute.
    assert 60 / pace.beat_s < 12


async def test_no_beats_are_left_behind(
    discord_server: DiscordServer,
    settings: Settings,
    door: FakeInbox,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A connection that is given up while it is made has its thread already."""
    server = discord_server
    monkeypatch.setattr(server.gateway, "_identify", lambda *_: None)
    bot = ImpatientBot(settings, door)
    task = asyncio.create_task(bot.run())
    await server.wait_for(list_beats)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await bot.close()
    await server.wait_for(lambda: not list_beats())


@pytest.mark.parametrize(
    ("code", "kind", "words"),
    [
        (4004, PlatformLocked, "token"),
        (4011, ConfigError, "DISCORD_SHARD_COUNT"),
        (4013, ConfigError, "intents"),
        (4014, ConfigError, "Message Content"),
    ],
)
async def test_what_no_reconnection_helps_against_ends_it(
    discord_server: DiscordServer,
    settings: Settings,
    door: FakeInbox,
    code: int,
    kind: type[Exception],
    words: str,
) -> None:
    """H2."""
    discord_server.refuse_identify(code)
    with pytest.raises(kind, match=words):
        async with run_bot(settings, door):
            pass
    assert len(discord_server.calls_of("GET /gateway/bot")) == 1


async def test_an_intent_that_is_switched_off_ends_it(
    discord_server: DiscordServer, settings: Settings, door: FakeInbox
) -> None:
    discord_server.set_privileged()
    with pytest.raises(ConfigError, match="Message Content"):
        async with run_bot(settings, door):
            pass


async def test_a_wrong_token_ends_it_after_one_call(
    discord_server: DiscordServer, settings: Settings, door: FakeInbox
) -> None:
    wrong = settings.model_copy(update={"discord_bot_token": SecretStr("x")})
    with pytest.raises(PlatformLocked, match="token"):
        async with run_bot(wrong, door):
            pass
    assert len(discord_server.calls) == 1


async def test_a_discord_that_is_not_there_yet_is_waited_for(
    settings: Settings, door: FakeInbox, discord_server: DiscordServer
) -> None:
    server = discord_server
    ann = server.add_user("Ann")
    await asyncio.to_thread(server.stop)
    bot = QuickBot(settings, door)
    task = asyncio.create_task(bot.run())
    try:
        await asyncio.sleep(0.3)
        assert not bot.is_ready and not task.done()
        await asyncio.to_thread(server.start)
        await server.wait_for(lambda: bot.is_ready)
        await hears(server, door, ann)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await bot.close()


async def test_a_gateway_without_starts_left_is_waited_for(
    discord_server: DiscordServer, settings: Settings, door: FakeInbox
) -> None:
    """Beyond the limit of a day Discord would take the token away."""
    server = discord_server
    bot = QuickBot(settings, door)
    await bot.client.open()

    async def tell_none() -> tuple[int, str, dict[str, int]]:
        limit = {"total": 1000, "remaining": 0, "reset_after": 60_000, "max_concurrency": 1}
        return 1, server.gateway_url, limit

    bot.client.http.get_bot_gateway = tell_none  # type: ignore[assignment]
    task = asyncio.create_task(bot.client.listen())
    await asyncio.sleep(0.3)
    assert not server.identifies() and not task.done()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await bot.close()


async def test_a_bot_that_never_logged_in_closes(settings: Settings, door: FakeInbox) -> None:
    bot = QuickBot(settings, door)
    assert not bot.is_ready
    assert await bot.is_admin(make_message("1"))
    await bot.close()
