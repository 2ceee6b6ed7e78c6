"""No failure, however long it lasts, begins so many sessions that the token is lost."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from bots.discord_bot import sessions
from bots.discord_bot.sessions import MAX_SESSIONS, MAX_WAIT_S, ONE_PER_S, STEADY_S, Sessions
from core.config import Settings
from core.errors import PlatformBusy
from tests.discord_bot.conftest import QuickBot
from tests.emulators.discord import DiscordServer
from tests.support.discord_inbox import FakeInbox


class Clock:
    """Seconds that pass when a test says so."""

    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def test_so_many_sessions_at_once_then_one_now_and_then() -> None:
    clock = Clock()
    counted = Sessions(5.0, clock)
    for _ in range(MAX_SESSIONS):
        counted.note_session(1)
    with pytest.raises(PlatformBusy) as error:
        counted.note_session(1)
    assert error.value.retry_after_s == ONE_PER_S
    clock.now_s += ONE_PER_S
    counted.note_session(1)
    with pytest.raises(PlatformBusy):
        counted.note_session(1)


def test_a_day_of_failures_stays_below_what_discord_allows() -> None:
    clock = Clock()
    counted = Sessions(5.0, clock)
    begun = 0
    for _ in range(24 * 720):
        with suppress(PlatformBusy):
            counted.note_session(1)
            begun += 1
        clock.now_s += 5.0
    assert 700 < begun < 800


def test_each_shard_has_its_own_share() -> None:
    counted = Sessions(5.0, Clock())
    for _ in range(MAX_SESSIONS * 3):
        counted.note_session(3)
    with pytest.raises(PlatformBusy):
        counted.note_session(3)


def test_rounds_of_failures_are_spread_until_one_holds() -> None:
    clock = Clock()
    counted = Sessions(5.0, clock)
    waits = []
    for _ in range(10):
        counted.start_round()
        waits.append(counted.end_round())
    assert waits[:4] == [5.0, 10.0, 20.0, 40.0] and waits[-1] == MAX_WAIT_S
    counted.start_round()
    clock.now_s += STEADY_S + 1
    assert counted.end_round() == 5.0


async def test_a_gateway_that_refuses_every_session_is_not_asked_for_ever(
    discord_server: DiscordServer,
    settings: Settings,
    door: FakeInbox,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sessions, "MAX_SESSIONS", 4)
    server = discord_server
    server.refuse_identify(4000, count=1000)
    bot = QuickBot(settings, door)
    task = asyncio.create_task(bot.run())
    try:
        await server.wait_for(lambda: len(server.gateway.refusals) == 996, 20)
        await asyncio.sleep(1.0)
        assert len(server.gateway.refusals) == 996
        assert not task.done() and not bot.is_ready
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await bot.close()
