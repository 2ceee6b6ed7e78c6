from __future__ import annotations

import asyncio
import time
from datetime import timedelta

import pytest

from core import limits
from core.errors import EngineBusy, EngineLocked, EngineRefused
from core.interfaces import TranscriberLimits
from core.jobs import decide
from core.limits import AccountGate, Share


async def fail(gate: AccountGate, error: Exception, sound: str = "") -> None:
    with pytest.raises(type(error)):
        async with gate.call(1.0, sound):
            raise error


async def test_calls_wait_for_room_in_the_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    async def no_sleep(delay_s: float) -> None:
        waits.append(delay_s)
        raise TimeoutError

    gate = AccountGate("x", TranscriberLimits(calls_per_minute=3))
    for _ in range(3):
        async with gate.call(1.0):
            pass
    monkeypatch.setattr(asyncio, "sleep", no_sleep)
    with pytest.raises(TimeoutError):
        async with gate.call(1.0):
            pass
    assert 50 < waits[0] <= 60


async def test_tokens_are_counted_by_the_length_of_the_sound() -> None:
    gate = AccountGate("x", TranscriberLimits(tokens_per_minute=1000, tokens_per_s=10))
    started = time.monotonic()
    for _ in range(2):
        async with gate.call(50.0):
            pass
    assert time.monotonic() - started < 5
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2), gate.call(1.0):
            pass


async def test_a_sound_larger_than_the_limit_still_gets_through() -> None:
    gate = AccountGate("x", TranscriberLimits(tokens_per_minute=100, tokens_per_s=10))
    async with asyncio.timeout(5), gate.call(3600.0):
        pass


async def test_a_wait_that_the_service_asks_for_holds_all_calls() -> None:
    gate = AccountGate("x", TranscriberLimits())
    await fail(gate, EngineBusy("429", retry_after_s=0.3))
    started = time.monotonic()
    async with gate.call(1.0):
        pass
    assert 0.25 < time.monotonic() - started < 5


async def test_an_engine_that_is_down_is_asked_by_one_call_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pause_s = 0.4
    monkeypatch.setattr(limits, "MAX_PAUSE_S", pause_s)
    gate = AccountGate("x", TranscriberLimits())
    for _ in range(limits.FAILURES_BEFORE_PAUSE):
        await fail(gate, EngineBusy("503"))
    tries = 0

    async def knock() -> None:
        nonlocal tries
        with pytest.raises(EngineBusy):
            async with gate.call(1.0):
                tries += 1
                raise EngineBusy("503")

    started = time.monotonic()
    await asyncio.gather(*(knock() for _ in range(4)))
    assert tries == 4
    assert time.monotonic() - started >= 4 * pause_s * 0.9
    async with gate.call(1.0):
        pass
    started = time.monotonic()
    async with gate.call(1.0):
        pass
    assert time.monotonic() - started < pause_s, "one success ends the pause"


async def test_what_only_the_operator_can_mend_stops_all_calls_at_once() -> None:
    gate = AccountGate("x", TranscriberLimits())
    for _ in range(5):
        await fail(gate, EngineLocked("402"))
        gate._paused_until = 0.0
    gate._paused_until = time.monotonic() + 30
    with pytest.raises(EngineLocked) as caught:
        async with gate.call(1.0):
            pytest.fail("it was let through")
    assert caught.value.retry_after_s and caught.value.retry_after_s > 20


async def test_a_refused_recording_is_no_failure_of_the_engine() -> None:
    gate = AccountGate("x", TranscriberLimits())
    for _ in range(20):
        await fail(gate, EngineRefused("no"))
    async with asyncio.timeout(0.2), gate.call(1.0):
        pass


@pytest.mark.parametrize("sounds", [1, 2, 5])
async def test_who_asks_whether_the_engine_is_back_waits_as_long_as_the_others(
    sounds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_PAUSE_S", 0.2)
    gate = AccountGate("x", TranscriberLimits())
    errors = [EngineBusy("503") for _ in range(limits.FAILURES_BEFORE_PAUSE + 2)]
    for number, error in enumerate(errors):
        await fail(gate, error, f"sound {number % sounds}")
    kinds = [decide(error, 5, timedelta(0)).kind for error in errors]
    first = limits.FAILURES_BEFORE_PAUSE
    assert kinds[:first] == ["give_up"] * first
    # One sound that fails again and again may itself be the reason.
    assert kinds[first:] == ["give_up" if sounds == 1 else "retry"] * 2


async def test_how_an_account_stands_is_told() -> None:
    account = TranscriberLimits(calls_per_minute=3, tokens_per_minute=1000, tokens_per_s=10)
    gate = AccountGate("x", account)
    fresh = await gate.state()
    assert (fresh.calls, fresh.tokens) == (Share(0, 3), Share(0, 1000))
    assert (fresh.failures, fresh.pause_s, fresh.error, fresh.failed_at) == (0, 0.0, "", None)
    await fail(gate, EngineLocked("canary"))
    locked = await gate.state()
    assert (locked.calls, locked.tokens) == (Share(1, 3), Share(10, 1000))
    assert locked.failures >= limits.FAILURES_BEFORE_PAUSE and locked.pause_s > 0
    assert locked.error == "EngineLocked" and locked.failed_at
    free = await AccountGate("y", TranscriberLimits()).state()
    assert (free.calls, free.tokens) == (None, None)
