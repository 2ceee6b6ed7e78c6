"""A second try where the way to the speech service broke: nobody else makes one for a program."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import stamina

from core.errors import EngineBusy

Result = TypeVar("Result")


async def try_again(
    work: Callable[[], Awaitable[Result]], has_begun: Callable[[], bool] = lambda: False
) -> Result:
    """Return what `work` does, tried once more if no answer came at all.

    What was paid for is kept, so the second try does the rest. An answer that says no is the
    program's to judge, and so is a pause of the service.
    has_begun: tells that something was given on which a second try would repeat.
    """

    def is_worth_it(error: Exception) -> bool:
        if not isinstance(error, EngineBusy) or has_begun():
            return False
        return not error.status and error.retry_after_s is None

    retrying = stamina.retry_context(on=is_worth_it, attempts=2, wait_initial=0.05, wait_max=0.2)
    async for attempt in retrying:
        with attempt:
            return await work()
    raise AssertionError("stamina raises the last error")
