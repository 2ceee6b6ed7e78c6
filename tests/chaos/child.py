"""The program as tests start it: `python -m tests.chaos.child '<Orders as JSON>'`.

With no orders it is the program as it is.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace

from bots import cli
from bots.telegram_bot import TelegramBot, polling
from bots.telegram_bot.polling import Pace
from core import jobs, limits
from core.engines import mimo
from core.engines.mimo import Mimo
from core.engines.mimo_limits import CHAT_LIMITS
from tests.chaos.points import arm


@dataclass(frozen=True, slots=True)
class Orders:
    """What is to be different from the plain program."""

    #: The step at which the process is killed, and at which pass of it.
    kill_at: str = ""
    kill_count: int = 1
    #: How many times shorter the waits after failures are: a minute becomes seconds.
    haste: float = 1.0
    #: Fields of `Pace` that are different: how long polls and their waits last.
    pace: dict[str, float] = field(default_factory=dict)
    #: Seconds that MiMo may take besides the length of the sound; 0 = as it is.
    engine_deadline_s: float = 0.0
    #: Whether MiMo's limits per minute are lifted: a test may make more calls than an account has.
    has_limits: bool = True
    #: A file with the seconds by which the polling loop's clock is ahead.
    clock: str = ""


def follow(orders: Orders) -> None:
    """Change this process as ordered."""
    if orders.haste != 1.0:
        _hurry(orders.haste)
    TelegramBot.pace = replace(TelegramBot.pace, **orders.pace)
    if orders.engine_deadline_s:
        Mimo.deadline_s = orders.engine_deadline_s
    if not orders.has_limits:
        Mimo.limits = replace(Mimo.limits, calls_per_minute=None, tokens_per_minute=None)
        vars(mimo)["CHAT_LIMITS"] = replace(CHAT_LIMITS, calls_per_minute=None)
    if orders.clock:
        _set_clock(Path(orders.clock))
    if orders.kill_at:
        arm(orders.kill_at, orders.kill_count)


def _hurry(haste: float) -> None:
    """Make the waits after failures shorter; all that decides about them stays."""
    jitter = jobs._jitter
    jobs._jitter = lambda delay_s: jitter(delay_s) / haste
    jobs.TELL_AFTER_S /= haste
    limits.MAX_PAUSE_S /= haste
    limits.MAX_WAIT_S /= haste
    TelegramBot.pace = Pace(first_wait_s=1.0 / haste, max_wait_s=15.0 / haste)


def _set_clock(ahead: Path) -> None:
    """Let the polling loop read another time of day; what counts seconds stays."""
    clock = SimpleNamespace(
        time=lambda: time.time() + float(ahead.read_text()), monotonic=time.monotonic
    )
    vars(polling)["time"] = clock


def main() -> None:
    """Follow the orders, then be the program."""
    follow(Orders(**json.loads(sys.argv[1])))
    sys.argv = ["hearsay", "run"]
    cli.main()


if __name__ == "__main__":
    main()
