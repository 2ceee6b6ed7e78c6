"""hearsay support-bundle: writes what helps to find a fault into one file."""

from __future__ import annotations

import asyncio
from pathlib import Path

import typer

from bots.doctor import check_settings, run_checks
from bots.doctor.bundle import Bundle, write_bundle
from bots.doctor.results import Report
from bots.exit_codes import STORE, exit_with, read_settings
from core.logs import set_up_logs


def make_bundle(path: Path) -> None:
    """Write the bundle to a new file, and say so."""
    settings = read_settings()
    set_up_logs("ERROR", settings.secrets())
    if path.exists():
        exit_with(f"{path} is there already: name another file with -o", STORE)
    report, bundle = Report(is_json=True), Bundle(settings)

    async def collect() -> None:
        check_settings(report)
        await run_checks(settings, report)
        await bundle.collect(report)

    asyncio.run(collect())
    write_bundle(bundle.files, path)
    typer.echo(f"{path}: {len(bundle.files)} files. Please look through it before you send it.")
