"""Rate limits hold, calls keep their order, and a chat that has to wait delays no other."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from typing import Any

import pytest

from bots.telegram_bot.pacing import MAX_WAIT_S, TelegramPacer, is_group
from core.clock import Clock
from core.errors import PlatformBusy, StoreError

ANN, BOB, GROUP = "1", "2", "-100"


@pytest.fixture
def pacer(clock: Clock) -> TelegramPacer:
    return TelegramPacer(clock)


async def times(clock: Clock, *waits: Coroutine[Any, Any, Any]) -> list[float]:
    """Start `waits` now, in this order; return after how many seconds each ended."""
    started_s = clock.monotonic()

    async def measure(wait: Coroutine[Any, Any, Any]) -> float:
        await wait
        return round(clock.monotonic() - started_s, 3)

    return await asyncio.gather(*map(measure, waits))


async def test_a_person_gets_three_in_each_period(pacer: TelegramPacer, clock: Clock) -> None:
    waits = [*(pacer.wait(ANN) for _ in range(7)), pacer.wait(BOB)]
    # Chats do not wait for each other.
    assert await times(clock, *waits) == [0, 0, 0, 3.1, 3.1, 3.1, 6.2, 0.12]


async def test_the_window_slides(pacer: TelegramPacer, clock: Clock) -> None:
    for _ in range(4):
        await pacer.wait(ANN)
        await clock.sleep(1.0)  # at 0, 1, 2 and 3.1 s
    assert await times(clock, pacer.wait(ANN), pacer.wait(ANN)) == [0, 1.0]


async def test_a_group_gets_twenty_in_61_seconds(pacer: TelegramPacer, clock: Clock) -> None:
    for _ in range(20):
        await pacer.wait(GROUP)
    assert clock.monotonic() == pytest.approx(1000.72)  # three in 0.12 s, as over all
    with pytest.raises(PlatformBusy) as caught:
        await pacer.wait(GROUP)
    assert caught.value.retry_after_s == pytest.approx(60.28)
    await clock.sleep(0.28)
    assert await times(clock, pacer.wait(GROUP)) == [60.0]


async def test_all_chats_together_get_25_messages_a_second_evenly(
    pacer: TelegramPacer, clock: Clock
) -> None:
    chats = [str(number) for number in range(1, 8)]
    expected = [0, 0, 0, 0.12, 0.12, 0.12, 0.24]
    assert await times(clock, *(pacer.wait(chat) for chat in chats)) == expected


async def test_what_is_no_message_counts_in_no_limit(pacer: TelegramPacer, clock: Clock) -> None:
    waits = [pacer.wait(ANN, is_message=False) for _ in range(40)]
    assert set(await times(clock, *waits, *(pacer.wait() for _ in range(40)))) == {0}
    assert await times(clock, *(pacer.wait(ANN) for _ in range(4))) == [0, 0, 0, 3.1]


async def test_what_counts_is_when_a_call_goes_out(pacer: TelegramPacer, clock: Clock) -> None:
    pacer.hold(None, 10)
    assert await times(clock, *(pacer.wait(ANN) for _ in range(4))) == [10, 10, 10, 13.1]


@pytest.mark.parametrize("chat", [ANN, None])
async def test_the_longer_wait_counts(chat: str | None, pacer: TelegramPacer, clock: Clock) -> None:
    pacer.hold(chat, 30)
    pacer.hold(chat, 1)
    assert await times(clock, pacer.wait(ANN)) == [30]


@pytest.mark.parametrize("chat", [ANN, None])
async def test_hold_reaches_those_who_wait_already(
    chat: str | None, pacer: TelegramPacer, clock: Clock
) -> None:
    pacer.hold(chat, 5)  # for the chat, or over all
    waiting = asyncio.create_task(times(clock, pacer.wait(ANN)))
    await clock.sleep(1.0)
    pacer.hold(ANN, 40)
    assert await waiting == [41]


async def test_a_hold_that_gets_too_long_is_reported_while_waiting(
    pacer: TelegramPacer, clock: Clock
) -> None:
    pacer.hold(ANN, 5)
    waiting = asyncio.create_task(pacer.wait(ANN))
    await clock.sleep(1.0)
    pacer.hold(ANN, 100)
    with pytest.raises(PlatformBusy) as caught:
        await waiting
    assert caught.value.retry_after_s == pytest.approx(96)


async def test_three_chats_told_to_wait_in_row_hold_everything(
    pacer: TelegramPacer, clock: Clock
) -> None:
    for chat in (ANN, BOB, BOB):
        pacer.hold(chat, 20)
    pacer.note_success()
    for chat in ("3", "4", "3"):
        pacer.hold(chat, 20)
    assert await times(clock, pacer.wait("5")) == [0]
    pacer.hold(GROUP, 20)
    waits = (pacer.wait("6"), pacer.wait("7", is_message=False), pacer.wait())
    assert await times(clock, *waits) == [20] * 3


async def test_what_is_no_message_obeys_a_hold(pacer: TelegramPacer, clock: Clock) -> None:
    pacer.hold(ANN, 30)
    reactions = (pacer.wait(chat, is_message=False) for chat in (ANN, BOB))
    assert await times(clock, *reactions) == [30, 0]
    pacer.hold(None, 20)
    waiting = asyncio.create_task(times(clock, pacer.wait(BOB, is_message=False), pacer.wait()))
    await clock.sleep(1.0)
    pacer.hold(None, 30)
    assert await waiting == [31, 31]


@pytest.mark.parametrize("chat", [ANN, None])
async def test_a_long_wait_is_reported_not_slept(
    chat: str | None, pacer: TelegramPacer, clock: Clock
) -> None:
    pacer.hold(chat, MAX_WAIT_S + 0.5)
    for wait in (pacer.wait(ANN), pacer.wait(ANN, is_message=False)):
        with pytest.raises(PlatformBusy) as caught:
            await wait
        assert caught.value.retry_after_s == pytest.approx(60.5)
    await clock.sleep(0.5)
    with pytest.raises(PlatformBusy) as caught:
        await pacer.wait(ANN, limit_s=5, is_message=False)
    assert caught.value.retry_after_s == pytest.approx(60)
    assert await times(clock, pacer.wait(ANN), pacer.wait(ANN, is_message=False)) == [60, 60]


async def test_a_queue_that_is_too_long_is_refused_at_once(pacer: TelegramPacer) -> None:
    waits = [pacer.wait(ANN) for _ in range(63)]
    results = await asyncio.gather(*waits, return_exceptions=True)
    # Sixty are through after 19 periods; the next one would be after 20.
    assert results[:60] == [None] * 60
    waits_s = [result.retry_after_s for result in results[60:] if isinstance(result, PlatformBusy)]
    assert waits_s == pytest.approx([62.0] * 3)


async def test_a_cancelled_wait_does_not_block_the_queue(
    pacer: TelegramPacer, clock: Clock
) -> None:
    pacer.hold(ANN, 30)
    waits = [asyncio.create_task(pacer.wait(ANN)) for _ in range(3)]
    await clock.sleep(1.0)
    for wait in waits:
        wait.cancel()
    await asyncio.gather(*waits, return_exceptions=True)
    assert await times(clock, *(pacer.wait(ANN) for _ in range(4))) == [29, 29, 29, 32.1]


@pytest.mark.parametrize(("chat", "share", "pause_s"), [(ANN, 1, 1.0), (GROUP, 10, 3.05)])
async def test_progress_leaves_half_of_the_window_to_the_final_text(
    chat: str, share: int, pause_s: float, pacer: TelegramPacer, clock: Clock
) -> None:
    for _ in range(share):
        assert pacer.try_take(chat) == 0.0
        await clock.sleep(0.12)
    assert pacer.try_take(chat) == pause_s
    assert await times(clock, pacer.wait(chat), pacer.wait(chat)) == [0, 0]


async def test_progress_counts_and_waits_as_all_calls_do(
    pacer: TelegramPacer, clock: Clock
) -> None:
    assert [pacer.try_take(chat) for chat in (ANN, BOB, GROUP)] == [0.0] * 3
    assert pacer.try_take(GROUP) == 0.2  # 0.12 s would do
    assert await times(clock, pacer.wait("3")) == [0.12]
    pacer.hold("4", 30)
    assert pacer.try_take("4") == pytest.approx(30)
    pacer.hold(None, 40)
    assert pacer.try_take("5") == pytest.approx(40)


async def test_progress_gives_way_to_those_who_wait(pacer: TelegramPacer, clock: Clock) -> None:
    pacer.hold(GROUP, 20)
    waiting = asyncio.create_task(pacer.wait(GROUP))
    await asyncio.sleep(0)
    assert pacer.try_take(GROUP) == 3.05
    await waiting
    for chat in range(1, 7):  # the last three wait over all
        waiting = asyncio.create_task(pacer.wait(str(chat)))
        await asyncio.sleep(0)
    assert pacer.try_take(GROUP) == 0.2
    await waiting


async def test_idle_chats_are_forgotten(pacer: TelegramPacer, clock: Clock) -> None:
    def are_known(*chats: str) -> list[bool]:
        return [chat in pacer._windows for chat in chats]

    pacer.hold("idle", 1)
    pacer.hold("held", 10)
    await clock.sleep(7)
    await pacer.wait("used")
    pacer.hold(None, 2)
    waiting = asyncio.create_task(pacer.wait("waits"))
    await asyncio.sleep(0)
    for number in range(1996):
        pacer._windows[str(number)]
    assert len(pacer._windows) == 2000
    pacer.try_take("next")
    assert are_known("idle", "0", "held", "waits", "used", "next") == [False] * 2 + [True] * 4
    await waiting


def test_groups_are_recognised_by_their_ids() -> None:
    assert [is_group(chat) for chat in ("-1001", "@news", "1001")] == [True, True, False]


async def test_several_processes_count_together(clock: Clock) -> None:
    sent: list[float] = []

    async def count(windows: Mapping[str, tuple[int, float]]) -> float:
        size, period_s = windows[GROUP]
        times_s = [at_s for at_s in sent if at_s > clock.monotonic() - period_s]
        if len(times_s) >= size:
            return times_s[-size] + period_s - clock.monotonic()
        sent.append(clock.monotonic())
        return 0.0

    pacers = [TelegramPacer(clock) for _ in range(2)]
    for pacer in pacers:
        pacer.count_all = count
        for _ in range(5):
            await pacer.wait_for_progress(GROUP)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(5):  # half of the window is for what is final
            await pacers[0].wait_for_progress(GROUP)
    for number in range(10):
        await pacers[number % 2].wait(GROUP)
    with pytest.raises(PlatformBusy):
        await pacers[1].wait(GROUP, limit_s=5.0)
    assert len(sent) == 20


async def test_without_a_database_each_process_counts_its_own(
    pacer: TelegramPacer, clock: Clock
) -> None:
    async def count(windows: Mapping[str, tuple[int, float]]) -> float:
        raise StoreError("gone")

    pacer.count_all = count
    assert await times(clock, *(pacer.wait(ANN) for _ in range(4))) == [0, 0, 0, 3.1]
