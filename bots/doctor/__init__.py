"""hearsay doctor: every check in one line, and what to do about each mistake."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from bots.doctor.results import CheckRun, Result, Status, fail, ok
from bots.exit_codes import CONFIG, read_settings
from core.config import Settings
from core.errors import ConfigError
from core.logs import set_up_logs

_COLOURS = {Status.OK: "green", Status.WARN: "yellow", Status.FAIL: "red"}
_SETTINGS_CURE = "Correct it in the environment or in .env; .env.example lists every setting."


class Report:
    """Prints findings as they come, or all at the end as JSON; secrets are taken out."""

    def __init__(self, *, is_json: bool) -> None:
        self.secrets: Sequence[str] = ()
        #: The code of the first failure.
        self.code = 0
        self._is_json = is_json
        self._found: list[dict[str, str]] = []

    def add(self, name: str, finding: Result) -> None:
        """Take in what the check called `name` found."""
        self.code = self.code or finding.code
        text, cure = self._clean(finding.text), self._clean(finding.cure)
        found = {"name": name, "status": finding.status.value, "text": text, "cure": cure}
        self._found.append(found)
        if not self._is_json:
            status = typer.style(f"{finding.status.value:<5}", fg=_COLOURS[finding.status])
            typer.echo(f"{status} {name:<9} {text}{f'. {cure}' if cure else ''}")

    def end(self) -> None:
        """Print what is printed last."""
        if self._is_json:
            value = {"exit_code": self.code, "checks": self._found}
            typer.echo(json.dumps(value, ensure_ascii=False, indent=2))

    def _clean(self, text: str) -> str:
        for secret in self.secrets:
            text = text.replace(secret, "[secret]")
        return " ".join(text.split())


def doctor(
    is_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Check settings, files, database, platforms and engines; say how to mend what is wrong.

    Exit codes: 0 well, 69 a service cannot be reached, 70 other, 74 database or disk,
    77 token or key, 78 settings.
    """
    report = Report(is_json=is_json)
    try:
        settings = read_settings()
    except ConfigError as error:
        report.add("settings", fail(str(error), _SETTINGS_CURE, CONFIG))
    else:
        set_up_logs("ERROR", settings.secrets())
        report.secrets = settings.secrets()
        report.add("settings", ok("every one is valid"))
        asyncio.run(_run_checks(settings, report))
    report.end()
    sys.exit(report.code)


async def _run_checks(settings: Settings, report: Report) -> None:
    # It loads every platform and engine: the other commands need not wait for that.
    from bots.doctor.checks import CHECKS, run_check

    visit = CheckRun(settings)
    for name, check in CHECKS:
        report.add(name, await run_check(check, visit))
