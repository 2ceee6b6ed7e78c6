"""Base class, faults and command line of the local Telegram and Discord servers."""

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
    """A fault and the pattern of the requests it applies to."""

    pattern: str
    kind: FaultKind
    #: How many more requests it applies to; None = all.
    count: int | None = 1
    probability: float = 1.0
    #: HTTP status of `status` and `html`.
    status: int = 500
    description: str = ""
    #: Seconds of `delay`.
    delay_s: float = 0.0

    def matches(self, *args: Any, **kwargs: Any) -> bool:
        """Return whether the rule applies to a request with these properties."""
        raise NotImplementedError


class Faults:
    """Active fault rules, tried in the order they were added; deterministic across runs."""

    def __init__(self) -> None:
        self.rules: list[Any] = []
        self._random = random.Random(11)

    def pick(self, *known: Any) -> Any:
        """Return the first rule that matches a request and count its use, or None."""
        for rule in self.rules:
            if rule.count == 0 or not rule.matches(*known):
                continue
            if rule.probability == 1 or self._random.random() < rule.probability:
                rule.count = None if rule.count is None else rule.count - 1
                return rule
        return None


def locked(method: Method) -> Method:
    """Decorate a method to hold the world's lock: test and server run in two threads."""

    @functools.wraps(method)
    def run(self: Emulator, *args: Any, **kwargs: Any) -> Any:
        with self.world.lock:
            return method(self, *args, **kwargs)

    return cast("Method", run)


class Emulator(LocalServer):
    """A local server whose state outlives `stop`, and what every test can inspect and control."""

    #: The class of this server's fault rules.
    rule: type[FaultRule]
    #: The server's API state; its `limits` may be strict.
    api: Any

    def __init__(self, world: Any, port: int) -> None:
        self.world, self.token, self.port = world, world.token, port
        self.faults = Faults()
        #: Every request, oldest first, including rejected and faulty ones.
        self.requests: list[Any] = []

    @property
    def base_url(self) -> str:
        """The server's URL without a path, for /control and files."""
        return f"http://127.0.0.1:{self.port}"

    async def wait_for(self, condition: Callable[[], Any], timeout_s: float = 30.0) -> Any:
        """Wait until `condition()` is true and return its value. Raises TimeoutError."""
        clock, pause_s = current_clock(), 0.01
        # In virtual time a long wait should take few steps.
        longest_s = 0.5 if is_virtual() else 0.1
        end_s = clock.monotonic() + timeout_s
        while not (value := condition()):
            if clock.monotonic() > end_s:
                raise TimeoutError("the condition did not become true")
            await clock.sleep(pause_s)
            pause_s = min(pause_s * 1.1, longest_s)
        return value

    @locked
    def violations(self) -> dict[Any, int]:
        """Return how many requests exceeded a rate limit, by chat or route."""
        return dict(self.api.limits.violations)

    @locked
    def clear_requests(self) -> None:
        """Forget all recorded requests and rate limit violations."""
        self.requests.clear()
        self.api.limits.violations.clear()

    @locked
    def fault(self, pattern: str, kind: FaultKind, **details: Any) -> None:
        """Add a fault for requests that match `pattern`, by default for the next one only.

        details: fields of the server's `Fault`.
        """
        self.faults.rules.append(self.rule(pattern, kind, **details))

    @locked
    def clear_faults(self) -> None:
        """Remove all faults."""
        self.faults.rules.clear()

    @locked
    def set_limits(self, *, is_strict: bool) -> None:
        """Answer requests over the rate limits with 429, or only count them."""
        self.api.limits.is_strict = is_strict

    @locked
    def advance(self, hours: float = 0.0, *, seconds: float = 0.0) -> None:
        """Advance the server's clock, which deadlines and expiries depend on."""
        self.world.clock.advance(hours * 3600 + seconds)


def run_alone(server_type: Callable[..., Emulator], *names: str) -> None:
    """Run a server as a process: print its addresses as JSON, stop at SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0, help="0 picks a free port")
    signals = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    server = server_type(port=parser.parse_args().port)
    server.start()
    print(
        json.dumps({name: getattr(server, name) for name in ("port", "token", *names)}), flush=True
    )
    signal.sigwait(signals)
    server.stop()
