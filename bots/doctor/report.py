"""The report of `hearsay doctor`: one line per check, or JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence

import typer

from bots.doctor.results import Result, Status

_COLOURS = {Status.OK: "green", Status.WARN: "yellow", Status.FAIL: "red"}


class Report:
    """Prints results as they come, or all at the end as JSON; secrets are taken out."""

    def __init__(self, *, is_json: bool) -> None:
        self.secrets: Sequence[str] = ()
        #: The exit code of the first failure, 0 while there is none.
        self.code = 0
        self._is_json = is_json
        self._checks: list[dict[str, str]] = []

    def add(self, name: str, result: Result) -> None:
        """Add the result of the check `name`."""
        self.code = self.code or result.code
        text, cure = self._clean(result.text), self._clean(result.cure)
        check = {"name": name, "status": result.status.value, "text": text, "cure": cure}
        self._checks.append(check)
        if not self._is_json:
            status = typer.style(f"{result.status.value:<5}", fg=_COLOURS[result.status])
            typer.echo(f"{status} {name:<9} {text}{f'. {cure}' if cure else ''}")

    def end(self) -> None:
        """Print the JSON, where that was asked for."""
        if self._is_json:
            value = {"exit_code": self.code, "checks": self._checks}
            typer.echo(json.dumps(value, ensure_ascii=False, indent=2))

    def _clean(self, text: str) -> str:
        for secret in self.secrets:
            text = text.replace(secret, "[secret]")
        return " ".join(text.split())
