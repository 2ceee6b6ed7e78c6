"""hearsay health: asks the processes on this machine whether they work, for supervisors.

A container's health check runs it every few seconds: it imports little.
"""

from __future__ import annotations

import json
import urllib.error
from typing import Any

import typer

from bots.exit_codes import exit_with, read_settings
from bots.own_process import OwnProcess, find_urls

#: Exit code where something does not work, or nobody answers.
FAILING = 1


def check_health(url: str, *, is_live: bool) -> None:
    """Print the parts that fail, and exit with 1 if any does or nobody answers.

    url: of the process, empty for those that answer on this machine, of which there is one at
    least. is_live: ask only whether they answer at all.
    """
    urls = [url] if url else find_urls(read_settings())
    if not urls:
        exit_with("WEB_PORT is 0, so name the address: hearsay health --url", FAILING)
    found = {one: answer for one in urls if (answer := _ask(one, is_live=is_live)) is not None}
    if not found:
        exit_with(f"nobody answers at {urls[0]}", FAILING)
    failing = [
        f"{one}: {fault}" if len(found) > 1 else fault
        for one, answer in found.items()
        for fault in _list_faults(answer)
    ]
    typer.echo("\n".join(failing) or ("alive" if is_live else "ready"))
    if failing:
        raise typer.Exit(FAILING)


def _list_faults(answer: dict[str, Any]) -> list[str]:
    parts, faults = answer.get("parts", {}), answer.get("faults", {})
    failing = [name for name, is_ready in parts.items() if not is_ready]
    return [f"{name}: {faults.get(name) or 'not ready'}" for name in failing]


def _ask(url: str, *, is_live: bool) -> dict[str, Any] | None:
    """Return the body of a health check, None if no hearsay is there.

    One that is there and does not answer in time fails.
    """
    try:
        found = json.loads(_read(url, "/livez" if is_live else "/readyz"))
    except TimeoutError:
        return {"parts": {"process": False}, "faults": {"process": "it does not answer"}}
    except (OSError, ValueError):
        return None
    is_ours = isinstance(found, dict) and found.keys() & {"is_live", "is_ready"}
    return found if is_ours else None


def _read(url: str, path: str) -> bytes:
    try:
        return OwnProcess(url).get(path)
    except urllib.error.HTTPError as error:
        if error.code != 503:
            raise
        return error.read()
    except urllib.error.URLError as error:
        raise error.reason if isinstance(error.reason, TimeoutError) else error from None
