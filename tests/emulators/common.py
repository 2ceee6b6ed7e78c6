"""What the local Telegram and the local Discord have in common."""

from __future__ import annotations

import argparse
import functools
import json
import random
import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, cast

from tests.emulators.local_server import LocalServer
from tests.support.virtual_time import current_clock, is_virtual

Method = TypeVar("Method", bound=Callable[..., Any])
FaultKind = Literal[
    "status", "rate_limit", "html", "hang", "close", "lose_reply", "delay", "cut", "slow"
]


@dataclass(slots=True)
class FaultRule:
    """What spoils requests that fit a pattern."""

    pattern: str
    kind: FaultKind
    #: How many it still spoils; None = all.
    count: int | None = 1
    probability: float = 1.0
    #: HTTP status of `status` and `html`.
    status: int = 500
    description: str = ""
    #: Seconds of `delay`.
    delay_s: float = 0.0

    def matches(self, *args: Any, **kwargs: Any) -> bool:
        """Tell whether a request of which this is known may be spoiled."""
        raise NotImplementedError


class Faults:
    """The rules in force, tried in the order they were added; the same in each run."""

    def __init__(self) -> None:
        self.rules: list[Any] = []
        self._random = random.Random(11)

    def pick(self, *known: Any) -> Any:
        """Return the rule that meets a request, and count it; None if there is none."""
        for rule in self.rules:
            if rule.count == 0 or not rule.matches(*known):
                continue
            if rule.probability == 1 or self._random.random() < rule.probability:
                rule.count = None if rule.count is None else rule.count - 1
                return rule
        return None


def locked(method: Method) -> Method:
    """Let a method hold the world's lock: the test and the server are two threads."""

    @functools.wraps(method)
    def run(self: Emulator, *args: Any, **kwargs: Any) -> Any:
        with self.world.lock:
            return method(self, *args, **kwargs)

    return cast("Method", run)


class Emulator(LocalServer):
    """A virtual world that outlives `stop`, and what any test may ask and order."""

    #: What spoils requests here.
    rule: type[FaultRule]
    #: With `limits`, which may be strict.
    api: Any

    def __init__(self, world: Any, port: int) -> None:
        self.world, self.token, self.port = world, world.token, port
        self.faults = Faults()
        #: Every request, oldest first, refused and spoiled ones too.
        self.requests: list[Any] = []

    @property
    def base_url(self) -> str:
        """The address without a path, for /control and files."""
        return f"http://127.0.0.1:{self.port}"

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
    def violations(self) -> dict[Any, int]:
        """Return by chat or route how many requests went over a limit."""
        return dict(self.api.limits.violations)

    @locked
    def clear_requests(self) -> None:
        """Empty the ledgers of requests and violations."""
        self.requests.clear()
        self.api.limits.violations.clear()

    @locked
    def fault(self, pattern: str, kind: FaultKind, **details: Any) -> None:
        """Spoil requests: see `Fault` for patterns and details; by default the next one."""
        self.faults.rules.append(self.rule(pattern, kind, **details))

    @locked
    def clear_faults(self) -> None:
        """Let every request through again."""
        self.faults.rules.clear()

    @locked
    def set_limits(self, *, is_strict: bool) -> None:
        """Refuse with 429 what goes over the limits, or only count it."""
        self.api.limits.is_strict = is_strict

    @locked
    def advance(self, hours: float = 0.0, *, seconds: float = 0.0) -> None:
        """Move the server's clock: what has a deadline or lasts for some time sees it."""
        self.world.clock.advance(hours * 3600 + seconds)


def run_alone(server_type: Callable[..., Emulator], *names: str) -> None:
    """Serve as a process: print addresses as JSON, stop at SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    signals = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    server = server_type(port=parser.parse_args().port)
    server.start()
    print(
        json.dumps({name: getattr(server, name) for name in ("port", "token", *names)}), flush=True
    )
    signal.sigwait(signals)
    server.stop()
