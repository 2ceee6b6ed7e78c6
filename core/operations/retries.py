"""What happens to a job after an error: it is tried again, refused, given up or cancelled."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from core.errors import (
    AssistantError,
    ChatGone,
    ChatMoved,
    EngineRefused,
    JobCancelled,
    PlatformError,
    UserError,
)
from core.operations.delays import is_too_late

MAX_ATTEMPTS = 5
#: A job that waits for the operator or the platform is given up after this.
MAX_AGE = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class RetryDecision:
    """What happens to a job after an error."""

    kind: Literal["retry", "refuse", "give_up", "cancel"]
    delay_s: float = 0.0
    #: False if the job did not cause the failure: the attempt does not count.
    is_attempt: bool = True


def decide(error: Exception, attempts: int, age: timedelta, waited_s: float = 0.0) -> RetryDecision:
    """Return what happens to a job whose attempt number `attempts` ended in `error`.

    waited_s: how long the person has waited without progress, see `core.stall`.
    The delay is the one the other side asked for, else 2, 4, 8, 16 s with jitter; five attempts.
    Where the other side asked for it, or only the operator can fix the error, none is counted.
    """
    decision = _decide(error, attempts, age)
    is_late = decision.kind == "retry" and is_too_late(error, decision.delay_s, waited_s)
    return RetryDecision("give_up") if is_late else decision


def _decide(error: Exception, attempts: int, age: timedelta) -> RetryDecision:
    if isinstance(error, UserError | EngineRefused):
        return RetryDecision("refuse")
    if isinstance(error, ChatGone):
        return RetryDecision("cancel")
    if isinstance(error, ChatMoved | JobCancelled):
        return RetryDecision("retry", is_attempt=False)
    asked_s = error.retry_after_s if isinstance(error, AssistantError) else None
    is_outside = isinstance(error, PlatformError) and error.is_retryable
    is_parking = isinstance(error, AssistantError) and error.is_parking
    if is_parking or is_outside or asked_s is not None:
        if age > MAX_AGE:
            return RetryDecision("give_up")
        # The platform may be away for more attempts than a float has powers of two.
        backoff_s = 60.0 if is_parking else min(60.0, 2.0 ** min(10, attempts))
        return RetryDecision("retry", asked_s or _jitter(backoff_s), is_attempt=is_outside)
    is_final = isinstance(error, AssistantError) and not error.is_retryable
    if is_final or attempts >= MAX_ATTEMPTS:
        return RetryDecision("give_up")
    return RetryDecision("retry", _jitter(2.0**attempts))


def _jitter(delay_s: float) -> float:
    return delay_s * random.uniform(0.8, 1.2)
