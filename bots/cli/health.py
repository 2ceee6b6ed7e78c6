"""hearsay health: asks the process on this machine whether it works, for supervisors.

A container's health check runs it every few seconds: it imports little.
"""

from __future__ import annotations

import json
import urllib.error
from typing import Any

import typer

from bots.common.own_process import OwnProcess, find_url
from bots.exit_codes import exit_with, read_settings

#: Exit code where something does not work, or nobody answers.
FAILING = 1


def check_health(url: str, *, is_live: bool) -> None:
    """Print the parts that fail, and exit with 1 if any does or nobody answers.

    url: of the process, empty for the one that has WEB_PORT on this machine.
    is_live: ask only whether the process answers at all.
    """
    url = url or find_url(read_settings())
    if not url:
        exit_with("WEB_PORT is 0, so name the address: hearsay health --url", FAILING)
    try:
        found = _ask(url, "/livez" if is_live else "/readyz")
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error) or type(error).__name__
        exit_with(f"{url} does not answer: {reason}", FAILING)
    parts, faults = found.get("parts", {}), found.get("faults", {})
    for name in (name for name, is_ready in parts.items() if not is_ready):
        typer.echo(f"{name}: {faults.get(name) or 'not ready'}")
    if not (found.get("is_live") or found.get("is_ready")):
        raise typer.Exit(FAILING)
    typer.echo("alive" if is_live else "ready")


def _ask(url: str, path: str) -> dict[str, Any]:
    """Return the body of a health check. Raises OSError, ValueError if it is none."""
    try:
        body = OwnProcess(url).get(path)
    except urllib.error.HTTPError as error:
        if error.code != 503:
            raise
        body = error.read()
    found = json.loads(body)
    if not isinstance(found, dict):
        raise ValueError("that is no health check of hearsay")
    return found
