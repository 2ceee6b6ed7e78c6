"""Results of the checks of `hearsay doctor`, and their report: one line each, or JSON."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from enum import StrEnum

import typer

from core.clock import CLOCK
from core.config import Settings
from core.logs import redact


class Status(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


SETTINGS_CURE = "Correct it in the environment or in .env; .env.example lists every setting."
_COLOURS = {Status.OK: "green", Status.WARN: "yellow", Status.FAIL: "red"}


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


class Report:
    """Prints results as they come, or all at the end as JSON; secrets are taken out."""

    def __init__(self, *, is_json: bool) -> None:
        self.secrets: Sequence[str] = ()
        #: The exit code of the first failure, 0 while there is none.
        self.code = 0
        self._is_json = is_json
        self._checks: list[dict[str, str | int]] = []

    def add(self, name: str, result: Result) -> None:
        """Add the result of the check `name`."""
        self.code = self.code or result.code
        text, cure = self._clean(result.text), self._clean(result.cure)
        check = {"name": name, "status": result.status.value, "text": text, "cure": cure}
        self._checks.append({**check, "exit_code": result.code})
        if not self._is_json:
            status = typer.style(f"{result.status.value:<5}", fg=_COLOURS[result.status])
            typer.echo(f"{status} {name:<9} {text}{f'. {cure}' if cure else ''}")

    @property
    def value(self) -> dict[str, object]:
        """The results so far, for JSON."""
        return {"exit_code": self.code, "checks": self._checks}

    def end(self) -> None:
        """Print the JSON, where that was asked for."""
        if self._is_json:
            typer.echo(json.dumps(self.value, ensure_ascii=False, indent=2))

    def _clean(self, text: str) -> str:
        return " ".join(redact(text, self.secrets).split())
