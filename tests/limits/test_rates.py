"""Rate limits and pauses of an engine account."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from core.clock import Clock
from core.errors import EngineBusy, EngineError, EngineLocked, EngineRefused
from core.interfaces import TranscriberLimits
from core.limits import AccountGate, AccountState, RateLimit, RateUse
from core.operations.retries import decide


class Account:
    """Calls through one gate, and when each of them passed it."""

    def __init__(self, clock: Clock, **limits: float) -> None:
        self.clock, self.start_s = clock, clock.monotonic()
        self.gate = AccountGate("x", TranscriberLimits(**limits), clock=clock)  # type: ignore[arg-type]
        #: Seconds after the start.
        self.passed: list[float] = []

    @property
    def now_s(self) -> float:
        return round(self.clock.monotonic() - self.start_s, 3)

    async def call(
        self,
        error: EngineError | None = None,
        *,
        duration_s: float = 1.0,
        sound: str = "",
        takes_s: float = 0.0,
    ) -> EngineError | None:
        """Make a call that ends in `error`; return the error that came out."""
        try:
            async with self.gate.call(duration_s, sound):
                self.passed.append(self.now_s)
                await self.clock.sleep(takes_s)
                if error:
                    raise error
        except EngineError as caught:
            return caught
        return None

    async def fail(self, count: int, error: EngineError | None = None) -> None:
        for _ in range(count):
            await self.call(error or EngineBusy("503"))

    async def pauses(self) -> float:
        return round((await self.gate.state()).pause_s, 3)


@pytest.fixture
def account(clock: Clock) -> Account:
    return Account(clock)


async def test_calls_wait_for_room_in_the_moving_minute(clock: Clock) -> None:
    account = Account(clock, calls_per_minute=3)
    for wait_s in (10, 20, 29.5, 1, 1, 80):
        await account.call()
        await clock.sleep(wait_s)
    assert account.passed == [0, 10, 30, 60, 70, 90]
    assert (await account.gate.state()).calls == RateUse(0, 3), "all of it is free after a minute"


async def test_tokens_are_counted_by_the_length_of_the_audio(clock: Clock) -> None:
    account = Account(clock, tokens_per_minute=1000, tokens_per_s=10, tokens_per_call=100)
    for duration_s in (40, 10, 20, 60, 3600):
        await account.call(duration_s=duration_s)
        await clock.sleep(5)
    # 500, 200 and 300 fill the minute; 700 need what the first two took, an hour all of it.
    assert account.passed == [0, 5, 10, 65, 125]


async def test_a_call_that_waits_for_tokens_is_not_counted(clock: Clock) -> None:
    account = Account(clock, calls_per_minute=2, tokens_per_minute=10, tokens_per_s=1)
    await account.call(duration_s=10)
    waiting = asyncio.create_task(account.call(duration_s=10))
    await clock.sleep(30)
    assert (await account.gate.state()).calls == RateUse(1, 2)
    await waiting
    assert account.passed == [0, 60]
    assert (await account.gate.state()).tokens == RateUse(10, 10)


async def test_calls_under_way_are_bounded(clock: Clock) -> None:
    account = Account(clock, concurrency=2)
    await asyncio.gather(*(account.call(takes_s=10) for _ in range(5)))
    assert account.passed == [0, 0, 10, 10, 20]


async def test_a_wait_that_the_service_asks_for_holds_all_calls(account: Account) -> None:
    await account.call(EngineBusy("429", retry_after_s=3))
    await asyncio.gather(account.call(), account.call())
    await account.call(EngineBusy("429", retry_after_s=0.5))
    await account.call()
    assert account.passed == [0, 3, 3, 3, 3.5]


@pytest.mark.parametrize("later", [EngineBusy("429", retry_after_s=2), EngineBusy("503"), None])
async def test_a_wait_never_gets_shorter(account: Account, later: EngineError | None) -> None:
    """Whatever comes back of the calls that were under way."""
    await asyncio.gather(
        account.call(EngineBusy("429", retry_after_s=10), takes_s=1),
        account.call(later, takes_s=2),
    )
    await account.call()
    assert account.passed == [0, 0, 11]


async def test_a_waiting_call_respects_a_later_retry_after(account: Account) -> None:
    late = asyncio.create_task(account.call(EngineBusy("429", retry_after_s=9), takes_s=3))
    await account.call(EngineBusy("429", retry_after_s=5), takes_s=1)
    await account.call()
    await late
    assert account.passed == [0, 0, 12]


async def test_a_long_wait_is_given_back_to_the_job(account: Account) -> None:
    await account.call(EngineBusy("429", retry_after_s=20))
    await account.call(EngineBusy("429", retry_after_s=20.5))
    assert account.passed == [0, 20], "20 s are waited for"
    error = await account.call()
    assert isinstance(error, EngineBusy) and error.retry_after_s == pytest.approx(20.5)
    assert str(error) == "the engine is paused"
    assert len(account.passed) == 2 and account.now_s == 20, "at once, and nothing was sent"


async def test_the_pause_of_an_engine_that_is_down_doubles_up_to_a_minute(
    account: Account, clock: Clock
) -> None:
    await account.fail(4)
    assert await account.pauses() == 0 and account.passed == [0] * 4
    pauses = []
    for _ in range(7):
        await account.fail(1)
        pauses.append(await account.pauses())
        await clock.sleep(pauses[-1])
    assert pauses == [2, 4, 8, 16, 32, 60, 60]
    await account.call()
    await account.fail(4)
    assert await account.pauses() == 0, "one success and it is counted anew"


async def test_an_engine_may_be_down_for_days(account: Account) -> None:
    for _ in range(1100):
        await account.fail(1)
        await account.clock.sleep(await account.pauses())
    assert account.now_s > 60_000 and len(account.passed) == 1100


async def test_an_engine_that_is_down_is_asked_by_one_call_at_a_time(account: Account) -> None:
    await account.fail(5)
    await asyncio.gather(*(account.call(EngineBusy("503"), takes_s=1) for _ in range(3)))
    # Each waits for the pause that the one before it has found, since the end of that.
    assert account.passed[5:] == [2, 7, 16]


async def test_all_calls_resume_when_the_engine_is_back(account: Account) -> None:
    await account.fail(5)
    await account.call(takes_s=0.5)
    await asyncio.gather(*(account.call() for _ in range(3)))
    assert account.passed[5:] == [2, 2.5, 2.5, 2.5]


async def test_an_error_for_the_operator_pauses_at_once(account: Account) -> None:
    await account.call(EngineLocked("402"))
    assert await account.pauses() == 2
    await account.fail(4, EngineLocked("402"))
    error = await account.call()
    assert isinstance(error, EngineLocked) and error.retry_after_s == 32


async def test_a_refused_recording_is_no_failure_of_the_engine(account: Account) -> None:
    await account.fail(20, EngineRefused("no"))
    await account.call()
    assert account.passed == [0] * 21
    assert (await account.gate.state()).error == ""


@pytest.mark.parametrize("sounds", [1, 2, 5])
async def test_a_probing_call_waits_as_long_as_the_others(
    account: Account, clock: Clock, sounds: int
) -> None:
    errors = [EngineBusy("503") for _ in range(8)]
    for number, error in enumerate(errors):
        await clock.sleep(await account.pauses())
        await account.call(error, sound=f"sound {number % sounds}")
    kinds = [decide(error, 5, timedelta(0)).kind for error in errors]
    # One sound that fails again and again may itself be the reason.
    assert kinds == ["give_up"] * 5 + ["give_up" if sounds == 1 else "retry"] * 3
    asked = [None] * 3 if sounds == 1 else [4, 8, 16]
    assert [error.retry_after_s for error in errors[5:]] == asked


async def test_a_success_clears_who_failed_before(account: Account, clock: Clock) -> None:
    await account.call(EngineBusy("503"), sound="a")
    await account.call(EngineBusy("503"), sound="b")
    await account.call(sound="c")
    error = EngineBusy("503")
    for _ in range(5):
        await account.call(EngineBusy("503"), sound="d")
    await account.call(error, sound="d")
    assert error.retry_after_s is None, "it may be the sound again"
    for sound in "ee":
        await clock.sleep(await account.pauses())
        await account.call(error := EngineBusy("503"), sound=sound)
    assert error.retry_after_s == 16, "once another failed too, it is not"


async def test_the_state_of_an_account(clock: Clock) -> None:
    account = Account(clock, calls_per_minute=3, tokens_per_minute=1000, tokens_per_s=10)
    fresh = await account.gate.state()
    assert fresh == AccountState(RateUse(0, 3), RateUse(0, 1000), failures=0, pause_s=0)
    with capture_logs() as logs:
        await account.call(EngineLocked("402"))
    failed_at = clock.now()
    await clock.sleep(1.5)
    locked = await account.gate.state()
    assert locked == AccountState(
        RateUse(1, 3), RateUse(10, 1000), 5, 0.5, "EngineLocked", failed_at
    )
    assert [(log["engine"], log["wait_s"], log["error"]) for log in logs] == [("x", 2, "402")]
    await account.call()
    healed = await account.gate.state()
    assert healed == AccountState(RateUse(2, 3), RateUse(20, 1000), 0, 0, "EngineLocked", failed_at)
    free = await AccountGate("y", TranscriberLimits(), clock=clock).state()
    assert (free.calls, free.tokens) == (None, None)


async def test_calls_are_counted_by_what_became_of_them(account: Account) -> None:
    def counts() -> list[float]:
        labels = [{"engine": "x", "result": result} for result in ("ok", "EngineRefused")]
        return [REGISTRY.get_sample_value("hearsay_engine_calls_total", one) or 0 for one in labels]

    before = counts()
    for error in (None, None, EngineRefused("no")):
        await account.call(error)
    assert [now - was for now, was in zip(counts(), before, strict=True)] == [2, 1]


async def test_roles_of_an_engine_have_their_own_names(clock: Clock) -> None:
    with capture_logs() as logs:
        for role in ("", "chat"):
            gate = AccountGate("x", TranscriberLimits(), role, clock)
            with pytest.raises(EngineLocked):
                async with gate.call(1.0):
                    raise EngineLocked("402")
    assert [log["engine"] for log in logs] == ["x", "x chat"]


async def test_a_rate_limit_is_counted_per_key(clock: Clock) -> None:
    rate = RateLimit(2, clock)
    assert [await rate.take(key=key) for key in ("a", "a", "b")] == [0, 0, 0]
    await clock.sleep(20)
    assert await rate.take(key="a") == pytest.approx(40), (
        "and a call that is refused is not counted"
    )
    await clock.sleep(39.5)
    assert await rate.take(key="a") == pytest.approx(0.5)
    await clock.sleep(0.5)
    assert [await rate.take(key="a") for _ in range(3)] == [0, 0, 60]
    assert [await RateLimit(None, clock).take() for _ in range(100)] == [0] * 100
