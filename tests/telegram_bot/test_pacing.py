"""Limits are kept, in order, and a chat that has to wait makes nobody else wait."""

from __future__ import annotations

import asyncio
import time

import pytest

from bots.telegram_bot.pacing import Pacer, Window, is_group
from core.errors import PlatformBusy

ANN, BOB, GROUP = "1", "2", "-100"


async def measure(*waits: object) -> float:
    started_s = time.monotonic()
    await asyncio.gather(*waits)  # type: ignore[call-overload]
    return time.monotonic() - started_s


def make_pacer() -> Pacer:
    return Pacer(private=(3, 0.3), group=(4, 0.4), overall=(8, 0.2), max_wait_s=1.0)


def most_within(times: list[float], period_s: float) -> int:
    return max(sum(1 for at in times if start <= at < start + period_s) for start in times)


async def test_burst_then_pace() -> None:
    pacer = make_pacer()
    assert await measure(*(pacer.wait(ANN) for _ in range(3))) < 0.1
    assert await measure(pacer.wait(ANN)) > 0.15


async def test_chats_do_not_wait_for_each_other() -> None:
    pacer = make_pacer()
    busy = [asyncio.create_task(pacer.wait(ANN)) for _ in range(6)]
    await asyncio.sleep(0.02)
    assert await measure(pacer.wait(BOB)) < 0.1
    await asyncio.gather(*busy)


async def test_no_window_is_ever_overfull() -> None:
    pacer, sent = make_pacer(), dict[str, list[float]]()

    async def send(chat: str) -> None:
        await pacer.wait(chat)
        sent.setdefault(chat, []).append(time.monotonic())

    await asyncio.gather(*(send(chat) for chat in (ANN, BOB, GROUP) for _ in range(8)))
    everything = sorted(at for times in sent.values() for at in times)
    assert len(everything) == 24
    assert most_within(sent[ANN], 0.29) <= 3
    assert most_within(sent[GROUP], 0.39) <= 4
    assert most_within(everything, 0.19) <= 8


async def test_calls_of_a_chat_keep_their_order() -> None:
    pacer, order = make_pacer(), list[int]()

    async def send(number: int) -> None:
        await pacer.wait(ANN)
        order.append(number)

    await asyncio.gather(*(send(number) for number in range(8)))
    assert order == list(range(8))


async def test_told_to_wait_holds_that_chat_only() -> None:
    pacer = make_pacer()
    pacer.hold(ANN, 0.3)
    assert await measure(pacer.wait(BOB)) < 0.1
    assert await measure(pacer.wait(ANN)) > 0.25


async def test_hold_reaches_those_who_wait_already() -> None:
    pacer = make_pacer()
    await asyncio.gather(*(pacer.wait(ANN) for _ in range(3)))
    waiting = asyncio.create_task(measure(pacer.wait(ANN)))
    await asyncio.sleep(0.05)
    pacer.hold(ANN, 0.6)
    assert await waiting > 0.5


async def test_hold_reaches_those_whose_chat_was_free_already() -> None:
    pacer = Pacer(overall=(1, 0.2), max_wait_s=1.0)
    await pacer.wait()
    waiting = asyncio.create_task(measure(pacer.wait(ANN)))
    await asyncio.sleep(0.05)
    pacer.hold(ANN, 0.6)
    assert await waiting > 0.5


async def test_global_hold_holds_everything() -> None:
    pacer = make_pacer()
    pacer.hold(None, 0.2)
    assert await measure(pacer.wait(BOB), pacer.wait_beside(ANN)) > 0.15


async def test_three_chats_told_to_wait_in_a_row_hold_everything() -> None:
    pacer = make_pacer()
    for chat in (ANN, BOB):
        pacer.hold(chat, 0.2)
    pacer.note_success()
    for chat in (ANN, BOB):
        pacer.hold(chat, 0.2)
    assert await measure(pacer.wait("3")) < 0.1
    pacer.hold(GROUP, 0.2)
    assert await measure(pacer.wait("4")) > 0.15


async def test_reactions_do_not_count_in_the_chat_but_obey_its_hold() -> None:
    pacer = make_pacer()
    assert await measure(*(pacer.wait_beside(ANN) for _ in range(6))) < 0.1
    pacer.hold(ANN, 0.2)
    assert await measure(pacer.wait_beside(ANN)) > 0.15


@pytest.mark.parametrize("wait_s", [60, 3600])
async def test_long_wait_is_told_instead_of_slept(wait_s: int) -> None:
    pacer = make_pacer()
    pacer.hold(ANN, wait_s)
    with pytest.raises(PlatformBusy) as caught:
        await pacer.wait(ANN)
    assert caught.value.retry_after_s == pytest.approx(wait_s, abs=1)
    with pytest.raises(PlatformBusy):
        await pacer.wait_beside(ANN, at_most_s=0.5)


async def test_long_line_is_told_instead_of_joined() -> None:
    pacer = make_pacer()
    waits = [asyncio.create_task(pacer.wait(ANN)) for _ in range(30)]
    results = await asyncio.gather(*waits, return_exceptions=True)
    refused = [r for r in results if isinstance(r, PlatformBusy)]
    assert 10 <= len(refused) < 30
    assert all((r.retry_after_s or 0) > 1.0 for r in refused)


async def test_cancelled_wait_leaves_the_line_open() -> None:
    pacer = make_pacer()
    await asyncio.gather(*(pacer.wait(ANN) for _ in range(3)))
    waiting = asyncio.create_task(pacer.wait(ANN))
    await asyncio.sleep(0.01)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert await measure(pacer.wait(ANN)) < 0.4


async def test_progress_leaves_half_of_the_window_to_the_final_text() -> None:
    pacer = make_pacer()
    taken = sum(1 for _ in range(10) if pacer.try_take(GROUP) == 0.0)
    assert taken == 2
    assert await measure(pacer.wait(GROUP), pacer.wait(GROUP)) < 0.1


async def test_progress_gives_way_to_those_who_wait() -> None:
    pacer = make_pacer()
    pacer.hold(GROUP, 0.2)
    waiting = asyncio.create_task(pacer.wait(GROUP))
    await asyncio.sleep(0)
    assert pacer.try_take(GROUP) > 0
    await waiting


def test_idle_chats_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bots.telegram_bot.pacing._MAX_LANES", 10)
    pacer = Pacer(private=(3, 0.0))
    pacer.hold("held", 60)
    for number in range(100):
        pacer.try_take(str(number))
    assert len(pacer._lanes) <= 11
    assert "held" in pacer._lanes


def test_default_windows_keep_telegrams_limits() -> None:
    pacer = Pacer()
    assert pacer.private[0] <= 3
    assert pacer.private[1] / pacer.private[0] >= 1.0
    assert pacer.group[0] <= 20
    assert pacer.group[1] >= 60
    assert pacer.overall[0] / pacer.overall[1] <= 25.1
    assert Window(1, 1.0).delay_s(time.monotonic()) == 0


def test_groups_are_told_by_their_ids() -> None:
    assert is_group("-1001")
    assert not is_group("1001")
