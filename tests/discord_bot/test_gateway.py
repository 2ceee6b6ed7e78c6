"""Gateway failures and the bot's recovery."""

from __future__ import annotations

import asyncio
import threading

import pytest
from discord.gateway import KeepAliveHandler
from pydantic import SecretStr

from bots.discord_bot import DiscordBot as Bot
from bots.discord_bot.client.heartbeats import BEAT_S, SILENCE_S
from core.clock import Clock
from core.config import Settings
from core.errors import ConfigError, PlatformBusy, PlatformLocked
from tests.discord_bot.conftest import run_bot
from tests.emulators.discord import DiscordServer as Server
from tests.support.discord_inbox import FakeInbox
from tests.support.virtual_time import current_clock


def list_beats() -> list[threading.Thread]:
    """Return discord.py's heartbeat threads."""
    return [one for one in threading.enumerate() if isinstance(one, KeepAliveHandler)]


async def hears(server: Server, inbox: FakeInbox, user: str) -> None:
    """Wait until a message sent now is received."""
    text = f"heard? {len(inbox.messages)}"
    server.send_text(server.dm(user), user, text)
    await server.wait_for(lambda: text in inbox.texts(), 30)


@pytest.mark.parametrize("code", [1000, 4000, 4009])
async def test_it_reconnects(
    server: Server, running: Bot, inbox: FakeInbox, code: int, ann: str
) -> None:
    """H1."""
    server.close_gateway(code)
    await server.wait_for(lambda: server.gateway.closes)
    await server.wait_for(lambda: running.is_ready and server.connected(), 30)
    await hears(server, inbox, ann)
    assert server.identifies() <= 2


async def test_it_resumes_when_told_to(
    server: Server, running: Bot, inbox: FakeInbox, ann: str
) -> None:
    await hears(server, inbox, ann)
    server.send_reconnect()
    server.send_text(server.dm(ann), ann, "between")
    await server.wait_for(server.resumes)
    await server.wait_for(lambda: "between" in inbox.texts())
    server.send_invalid_session(is_resumable=True)
    await server.wait_for(lambda: server.resumes() == 2)
    await hears(server, inbox, ann)
    assert server.identifies() == 1 and not server.requests_to("GET */messages")
    server.send_invalid_session()  # a session that is gone is begun anew at the same address
    await server.wait_for(lambda: server.identifies() == 2)
    await hears(server, inbox, ann)


async def test_a_quiet_gateway_gets_heartbeats(server: Server, running: Bot, clock: Clock) -> None:
    """The gateway's interval is 41.25 s; in between it sends nothing by itself."""
    await clock.sleep(60)
    beats = server.gateway.sessions.heartbeats
    assert len(beats) == 7  # the first one is discord.py's own
    assert all(beat.gap_s == pytest.approx(BEAT_S) for beat in beats[1:])
    assert (server.identifies(), server.resumes()) == (1, 0) and running.is_ready


async def test_a_silent_connection_counts_as_dead(
    server: Server, running: Bot, inbox: FakeInbox, clock: Clock, ann: str
) -> None:
    """H1: resumed at once, though the peer does not even complete the close."""
    await server.wait_for(lambda: server.gateway.sessions.heartbeats)
    begun_s = clock.monotonic()
    server.make_zombies()
    await server.wait_for(server.resumes)
    assert BEAT_S < clock.monotonic() - begun_s <= SILENCE_S + 1
    assert server.identifies() == 1 and running.is_ready
    await hears(server, inbox, ann)


async def test_a_silent_gateway_does_not_hold_up_the_end(
    server: Server, settings: Settings, inbox: FakeInbox, clock: Clock
) -> None:
    async with run_bot(settings, inbox):
        server.make_zombies()
        begun_s = clock.monotonic()
    # The SDK alone waits half a minute for an end to be agreed on.
    assert clock.monotonic() - begun_s < 15


async def test_no_heartbeat_threads_are_left_behind(
    server: Server, settings: Settings, inbox: FakeInbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection that is cancelled while it is made already has its thread."""
    monkeypatch.setattr(server.gateway, "_identify", lambda *_: None)
    bot = Bot(settings, inbox, current_clock())
    task = asyncio.create_task(bot.run())
    await server.wait_for(list_beats)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await bot.close()
    await server.wait_for(lambda: not list_beats())


@pytest.mark.parametrize(("code", "words"), [(4011, "DISCORD_SHARD_COUNT"), (4013, "intents")])
async def test_fatal_close_codes_end_the_bot(
    server: Server, settings: Settings, inbox: FakeInbox, code: int, words: str
) -> None:
    """H2."""
    server.refuse_identify(code)
    with pytest.raises(ConfigError, match=words):
        async with run_bot(settings, inbox):
            pass
    assert len(server.requests_to("GET /gateway/bot")) == 1


async def test_a_wrong_token_ends_the_bot(
    server: Server, settings: Settings, inbox: FakeInbox
) -> None:
    wrong = settings.model_copy(update={"discord_bot_token": SecretStr("x")})
    with pytest.raises(PlatformLocked, match="token"):
        async with run_bot(wrong, inbox):
            pass
    assert len(server.requests) == 1


async def test_login_waits_for_an_unreachable_discord(
    settings: Settings, inbox: FakeInbox, server: Server, ann: str
) -> None:
    await server.close()
    later = asyncio.create_task(open_later(server))
    async with run_bot(settings, inbox, wait_s=3700):
        await hears(server, inbox, ann)
    await later


async def open_later(server: Server) -> None:
    await asyncio.sleep(3600)
    await server.open()


async def test_the_session_start_limit_is_waited_for(
    server: Server, settings: Settings, inbox: FakeInbox
) -> None:
    """Beyond the daily limit Discord resets the token."""
    bot = Bot(settings, inbox, current_clock())
    await bot.client.open()

    async def tell_none() -> tuple[int, str, dict[str, int]]:
        limit = {"total": 1000, "remaining": 0, "reset_after": 60_000, "max_concurrency": 1}
        return 1, server.gateway_url, limit

    bot.client.http.get_bot_gateway = tell_none  # type: ignore[assignment]
    await bot.client.add_shard(0)
    task = asyncio.create_task(bot.client.listen())
    await asyncio.sleep(59)
    assert not server.identifies() and not task.done()
    await asyncio.sleep(2)
    assert server.identifies() == 1
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await bot.close()


async def test_a_bot_that_never_logged_in_closes(settings: Settings, inbox: FakeInbox) -> None:
    bot = Bot(settings, inbox, current_clock())
    assert not bot.is_ready
    with pytest.raises(PlatformBusy):
        await bot.private_chat("1")
    await bot.close()
