"""Results of the checks of `hearsay doctor`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from enum import StrEnum

from core.clock import CLOCK
from core.config import Settings


class Status(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Result:
    """What one check found."""

    status: Status
    text: str
    #: What to do about it.
    cure: str = ""
    #: The exit code of a failure, else 0.
    code: int = 0


@dataclass(slots=True)
class CheckRun:
    """What the checks of one run share."""

    settings: Settings
    #: Clock of a service minus ours in seconds, by service.
    skews_s: dict[str, float] = field(default_factory=dict)

    def note_clock(self, service: str, date: str) -> None:
        """Record how far the clock of `service` is from ours. date: its Date header."""
        try:
            moment = parsedate_to_datetime(date)
        except (ValueError, OverflowError):
            return
        moment = moment.replace(tzinfo=moment.tzinfo or UTC)
        self.skews_s[service] = (moment - CLOCK.now()).total_seconds()


Check = Callable[[CheckRun], Awaitable[Result]]


def ok(text: str) -> Result:
    """Return the result of a check that passed."""
    return Result(Status.OK, text)


def warn(text: str, cure: str) -> Result:
    """Return a result that the program can live with."""
    return Result(Status.WARN, text, cure)


def fail(text: str, cure: str, code: int) -> Result:
    """Return a result that must be corrected."""
    return Result(Status.FAIL, text, cure, code)
