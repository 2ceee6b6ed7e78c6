"""No failure, however long, starts so many sessions that Discord resets the token."""

from __future__ import annotations

import asyncio

import pytest

from bots.discord_bot import DiscordBot
from bots.discord_bot.client.sessions import (
    FIRST_WAIT_S,
    MAX_SESSIONS,
    MAX_WAIT_S,
    ONE_PER_S,
    STEADY_S,
    SessionPacer,
)
from core.clock import Clock
from core.config import Settings
from core.errors import PlatformBusy
from tests.discord_bot.conftest import Advance
from tests.emulators.discord import DiscordServer as Server
from tests.support.discord_inbox import FakeInbox


@pytest.fixture
def counted(clock: Clock) -> SessionPacer:
    return SessionPacer(clock)


@pytest.mark.parametrize("shards", [1, 3])
async def test_sessions_are_paced(counted: SessionPacer, advance: Advance, shards: int) -> None:
    """Each shard has its own burst."""
    pace_s = ONE_PER_S / shards
    for _ in range(MAX_SESSIONS * shards):
        counted.note_session(shards)
    for wait_s in (0.0, pace_s / 4):
        advance(wait_s)
        with pytest.raises(PlatformBusy, match="too many sessions were started") as error:
            counted.note_session(shards)
        assert error.value.retry_after_s == pytest.approx(pace_s - wait_s)
    advance(pace_s * 3 / 4 + 0.001)
    counted.note_session(shards)
    with pytest.raises(PlatformBusy):
        counted.note_session(shards)


async def test_a_long_pause_refills_one_burst(counted: SessionPacer, advance: Advance) -> None:
    counted.note_session(0)  # before Discord has told how many shards there are
    advance(1000 * ONE_PER_S)
    for _ in range(MAX_SESSIONS):
        counted.note_session(1)
    with pytest.raises(PlatformBusy):
        counted.note_session(1)


async def test_failed_rounds_back_off_until_one_lasts(
    counted: SessionPacer, advance: Advance
) -> None:
    # Who fails at once has not held, however long ago the program was started.
    advance(STEADY_S + 1)
    waits = []
    for _ in range(10):
        counted.start_round()
        advance(STEADY_S)
        waits.append(counted.end_round())
    assert waits[:4] == [FIRST_WAIT_S * factor for factor in (1, 2, 4, 8)]
    assert waits[-1] == MAX_WAIT_S
    counted.start_round()
    advance(STEADY_S + 1)
    assert counted.end_round() == FIRST_WAIT_S
    counted.start_round()
    assert counted.end_round() == FIRST_WAIT_S * 2


async def test_a_gateway_that_refuses_every_session_is_tried_with_backoff(
    server: Server, settings: Settings, inbox: FakeInbox, clock: Clock
) -> None:
    server.refuse_identify(4000, count=1000)
    bot = DiscordBot(settings, inbox, clock)
    task = asyncio.create_task(bot.run())

    def begun() -> int:
        return 1000 - len(server.gateway.refusals)

    await clock.sleep(200)
    assert MAX_SESSIONS <= begun() <= MAX_SESSIONS + 200 / ONE_PER_S + 1
    known = begun()
    await clock.sleep(400)
    assert 0 < begun() - known <= 400 / ONE_PER_S + 1
    assert not task.done() and not bot.is_ready
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await bot.close()
