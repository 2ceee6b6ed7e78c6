"""The program as tests start it: `python -m tests.chaos.child '<Orders as JSON>'`.

With no orders it is the program as it is.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

from bots import cli
from core.clock import CLOCK, Clock
from core.engines.mimo import answerer
from core.engines.mimo.role import ASR_LIMITS, CHAT_LIMITS
from core.engines.mimo.transcriber import MimoTranscriber
from tests.chaos.points import arm


@dataclass(frozen=True, slots=True)
class Orders:
    """What is to be different from the plain program."""

    #: The step at which the process is killed, and at which pass of it.
    kill_at: str = ""
    kill_count: int = 1
    #: Whether passes count only once the process was sent SIGUSR1.
    kill_late: bool = False
    #: How many times faster the program's clock runs: a minute becomes seconds.
    haste: float = 1.0
    #: When the clock began to run faster, as Unix time: the same for every process of a test.
    started_s: float = field(default_factory=time.time)
    #: Constants of modules and classes, "module:NAME" or "module:Class.name", and their values.
    constants: dict[str, float] = field(default_factory=dict)
    #: Whether MiMo's limits per minute are lifted: a test may make more calls than an account has.
    has_limits: bool = True
    #: A file with the seconds by which the time of day is ahead.
    clock: str = ""


class OrderedClock(Clock):
    """A clock that runs faster, and whose time of day a test can move."""

    def __init__(self, haste: float, started_s: float, ahead: Path | None) -> None:
        self._haste = haste
        self._started_s = started_s
        self._ahead = ahead

    def now(self) -> datetime:
        passed_s = (time.time() - self._started_s) * self._haste
        ahead_s = float(self._ahead.read_text()) if self._ahead else 0.0
        return datetime.fromtimestamp(self._started_s + passed_s + ahead_s, UTC)

    def monotonic(self) -> float:
        return time.monotonic() * self._haste

    async def sleep(self, delay_s: float) -> None:
        # This is the clock of the program that is killed, only faster.
        await asyncio.sleep(delay_s / self._haste)


def set_clock(clock: OrderedClock) -> None:
    """Put `clock` in the place of the machine's, everywhere."""
    vars(CLOCK).update(vars(clock))
    CLOCK.__class__ = OrderedClock


def set_constant(place: str, value: float) -> None:
    """Give a constant another value before anything runs."""
    module, _, path = place.partition(":")
    *owners, name = path.split(".")
    owner: Any = import_module(module)
    for one in owners:
        owner = getattr(owner, one)
    assert hasattr(owner, name), place
    setattr(owner, name, value)


def follow(orders: Orders) -> None:
    """Change this process as ordered."""
    if orders.haste != 1.0 or orders.clock:
        ahead = Path(orders.clock) if orders.clock else None
        set_clock(OrderedClock(orders.haste, orders.started_s, ahead))
    for place, value in orders.constants.items():
        set_constant(place, value)
    if not orders.has_limits:
        limits = replace(ASR_LIMITS, calls_per_minute=None, tokens_per_minute=None)
        MimoTranscriber.limits = limits
        vars(answerer)["CHAT_LIMITS"] = replace(CHAT_LIMITS, calls_per_minute=None)
    if orders.kill_at:
        arm(orders.kill_at, orders.kill_count, is_late=orders.kill_late)


def main() -> None:
    """Follow the orders, then be the program."""
    follow(Orders(**json.loads(sys.argv[1])))
    sys.argv = ["hearsay", "run"]
    cli.main()


if __name__ == "__main__":
    main()
