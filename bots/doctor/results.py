"""What the checks of `hearsay doctor` say, and what they share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
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
    #: The exit code it asks for; only failures have one.
    code: int = 0


@dataclass(slots=True)
class CheckRun:
    """What the checks of one call share."""

    settings: Settings
    #: Their clock minus ours in seconds, by service.
    skews_s: dict[str, float] = field(default_factory=dict)

    def note_clock(self, service: str, server_at: datetime | None) -> None:
        """Keep how far a service's clock is from ours."""
        if server_at is not None:
            self.skews_s[service] = (server_at - CLOCK.now()).total_seconds()


Check = Callable[[CheckRun], Awaitable[Result]]


def ok(text: str) -> Result:
    """Return a finding that all is well."""
    return Result(Status.OK, text)


def warn(text: str, cure: str) -> Result:
    """Return a finding that the program can live with."""
    return Result(Status.WARN, text, cure)


def fail(text: str, cure: str, code: int) -> Result:
    """Return a finding that must be mended."""
    return Result(Status.FAIL, text, cure, code)
