"""The program as tests start it: `python -m tests.chaos.faulty_program '<Overrides as JSON>'`.

Without overrides it runs unchanged.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from bots import cli
from core.clock import CLOCK, Clock
from core.engines.mimo import answerer
from core.engines.mimo.role import ASR_LIMITS, CHAT_LIMITS
from core.engines.mimo.transcriber import MimoTranscriber
from tests.chaos.loop_watch import watch_on_signal
from tests.chaos.points import arm, find_owner
from tests.chaos.poison import raise_for


@dataclass(frozen=True, slots=True)
class Overrides:
    """Differences from a normal start."""

    #: The command of `hearsay`: everything, or one part of the program.
    command: str = "run"
    #: The step and the pass of it at which the process is killed.
    kill_at: str = ""
    kill_count: int = 1
    #: Whether passes count only after SIGUSR1.
    kill_late: bool = False
    #: Factor by which the program's clock runs faster.
    speed: float = 1.0
    #: When the clock began to run faster, Unix time: the same for all processes of a test.
    started_s: float = field(default_factory=time.time)
    #: Constants of modules and classes, "module:NAME" or "module:Class.name", and their values.
    constants: dict[str, float] = field(default_factory=dict)
    #: Whether MiMo's limits per minute apply; some tests make more calls.
    has_limits: bool = True
    #: How many calls for transcripts the account has at once, if not as many as usual.
    calls_at_once: int = ASR_LIMITS.concurrency
    #: A file with the offset of the time of day, in seconds.
    clock: str = ""
    #: Functions that always raise for a message with this text, "module:Class.name" -> text.
    poison: dict[str, str] = field(default_factory=dict)
    #: A file for the state of the event loop, which is watched from SIGUSR2 on.
    loop: str = ""


class ShiftedClock(Clock):
    """A clock that runs faster and whose time of day a test can shift."""

    def __init__(self, speed: float, started_s: float, ahead: Path | None) -> None:
        self._speed = speed
        self._started_s = started_s
        self._ahead = ahead

    def now(self) -> datetime:
        passed_s = (time.time() - self._started_s) * self._speed
        ahead_s = float(self._ahead.read_text()) if self._ahead else 0.0
        return datetime.fromtimestamp(self._started_s + passed_s + ahead_s, UTC)

    def monotonic(self) -> float:
        return time.monotonic() * self._speed

    async def sleep(self, delay_s: float) -> None:
        # Real time, scaled: the program runs as a process of its own.
        await asyncio.sleep(delay_s / self._speed)


def set_clock(clock: ShiftedClock) -> None:
    """Replace the clock of the program."""
    vars(CLOCK).update(vars(clock))
    CLOCK.__class__ = ShiftedClock


def set_constant(place: str, value: float) -> None:
    """Replace the value of a constant, "module:NAME" or "module:Class.name"."""
    owner, name = find_owner(place)
    setattr(owner, name, value)


def apply(overrides: Overrides) -> None:
    """Apply the overrides to this process."""
    if overrides.speed != 1.0 or overrides.clock:
        ahead = Path(overrides.clock) if overrides.clock else None
        set_clock(ShiftedClock(overrides.speed, overrides.started_s, ahead))
    for place, value in overrides.constants.items():
        set_constant(place, value)
    limits = replace(ASR_LIMITS, concurrency=overrides.calls_at_once)
    MimoTranscriber.limits = limits
    if not overrides.has_limits:
        MimoTranscriber.limits = replace(limits, calls_per_minute=None, tokens_per_minute=None)
        vars(answerer)["CHAT_LIMITS"] = replace(CHAT_LIMITS, calls_per_minute=None)
    for place, text in overrides.poison.items():
        raise_for(place, text)
    if overrides.loop:
        watch_on_signal(Path(overrides.loop))
    if overrides.kill_at:
        arm(overrides.kill_at, overrides.kill_count, is_late=overrides.kill_late)


def main() -> None:
    """Apply the overrides and run the program."""
    overrides = Overrides(**json.loads(sys.argv[1]))
    apply(overrides)
    sys.argv = ["hearsay", overrides.command]
    cli.main()


if __name__ == "__main__":
    main()
