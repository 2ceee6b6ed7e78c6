"""hearsay health: asks the process on this machine whether it works, for supervisors.

A container's health check runs it every few seconds: it imports little.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

import typer

from bots.exit_codes import exit_with, read_settings

#: Longer than a check of all parts may take.
TIMEOUT_S = 15.0
#: Exit code where something does not work, or nobody answers.
FAILING = 1
_EVERY = ("0.0.0.0", "::", "")


def check_health(url: str, *, is_live: bool) -> None:
    """Print the parts that fail, and exit with 1 if any does or nobody answers.

    url: of the process, empty for the one that has WEB_PORT on this machine.
    is_live: ask only whether the process answers at all.
    """
    url = (url or find_url()).rstrip("/")
    try:
        found = ask(f"{url}/{'livez' if is_live else 'readyz'}")
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error) or type(error).__name__
        exit_with(f"{url} does not answer: {reason}", FAILING)
    parts, faults = found.get("parts", {}), found.get("faults", {})
    for name in (name for name, is_ready in parts.items() if not is_ready):
        typer.echo(f"{name}: {faults.get(name) or 'not ready'}")
    if not (found.get("is_live") or found.get("is_ready")):
        raise typer.Exit(FAILING)
    typer.echo("alive" if is_live else "ready")


def find_url() -> str:
    """Return the address of the process on this machine. Raises ConfigError."""
    settings = read_settings()
    if not settings.web_port:
        exit_with("WEB_PORT is 0, so name the address: hearsay health --url", FAILING)
    host = settings.web_host
    if host in _EVERY:
        host = "::1" if ":" in host else "127.0.0.1"
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.web_port}"


def ask(url: str) -> dict[str, Any]:
    """Return the body of a health check. Raises OSError, ValueError if it is none."""
    # A proxy of the environment is for other machines.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=TIMEOUT_S) as answer:
            body = answer.read()
    except urllib.error.HTTPError as error:
        if error.code != 503:
            raise
        body = error.read()
    found = json.loads(body)
    if not isinstance(found, dict):
        raise ValueError("that is no health check of hearsay")
    return found
