"""What the local Telegram and the local Discord have in common."""

from __future__ import annotations

import functools
import random
from collections.abc import Callable
from typing import Any, Protocol, TypeVar, cast

from tests.emulators.serving import LocalServer
from tests.support.virtual_time import current_clock, is_virtual

Method = TypeVar("Method", bound=Callable[..., Any])


class Rule(Protocol):
    """What spoils requests."""

    #: How many it still spoils; None = all.
    count: int | None
    probability: float


class Dice:
    """Decides whether a rule that fits a request meets it; the same in each run."""

    def __init__(self) -> None:
        self._random = random.Random(11)

    def meets(self, rule: Rule) -> bool:
        """Tell whether `rule` meets this request, and count it."""
        if rule.count == 0 or (rule.probability < 1 and self._random.random() >= rule.probability):
            return False
        if rule.count is not None:
            rule.count -= 1
        return True


def locked(method: Method) -> Method:
    """Let a method hold the world's lock: the test and the server are two threads."""

    @functools.wraps(method)
    def run(self: Emulator, *args: Any, **kwargs: Any) -> Any:
        with self.world.lock:
            return method(self, *args, **kwargs)

    return cast("Method", run)


class Emulator(LocalServer):
    """A virtual world that outlives `stop`, and the questions that any test may ask it."""

    world: Any
    #: With `rules`, a list.
    faults: Any
    #: With `limits`, which may be strict.
    api: Any

    async def wait_for(self, condition: Callable[[], Any], timeout_s: float = 30.0) -> Any:
        """Wait until the condition returns something true, and return that.

        Raises TimeoutError.
        """
        clock, pause_s = current_clock(), 0.01
        # Where waiting takes no time a long one should take few steps.
        longest_s = 0.5 if is_virtual() else 0.1
        end_s = clock.monotonic() + timeout_s
        while not (value := condition()):
            if clock.monotonic() > end_s:
                raise TimeoutError("the condition did not come true")
            await clock.sleep(pause_s)
            pause_s = min(pause_s * 1.1, longest_s)
        return value

    @locked
    def clear_faults(self) -> None:
        """Let every request through again."""
        self.faults.rules.clear()

    @locked
    def set_limits(self, *, is_strict: bool) -> None:
        """Refuse with 429 what goes over the limits, or only count it."""
        self.api.limits.is_strict = is_strict
