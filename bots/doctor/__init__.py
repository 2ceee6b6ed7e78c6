"""The command `hearsay doctor`: checks the setup and says how to correct each mistake."""

from __future__ import annotations

import asyncio
import sys

from bots.doctor.results import SETTINGS_CURE, CheckRun, Report, fail, ok
from bots.exit_codes import CONFIG, read_settings
from core.config import Settings
from core.errors import ConfigError
from core.logs import list_forms, set_up_logs


def run_doctor(*, is_json: bool) -> None:
    """Print the result of every check, and exit with the code of the first failure, or 0."""
    report = Report(is_json=is_json)
    if settings := check_settings(report):
        set_up_logs("ERROR", settings.secrets())
        asyncio.run(run_checks(settings, report))
    report.end()
    sys.exit(report.code)


def check_settings(report: Report) -> Settings | None:
    """Return the settings, None if they have mistakes; report which."""
    try:
        settings = read_settings()
    except ConfigError as error:
        report.add("settings", fail(str(error), SETTINGS_CURE, CONFIG))
        return None
    report.secrets = list_forms(settings.secrets())
    report.add("settings", ok("all are valid"))
    return settings


async def run_checks(settings: Settings, report: Report) -> None:
    """Run all other checks in turn, and report what each finds."""
    # It loads every platform and engine: the other commands need not wait for that.
    from bots.doctor.checks import CHECKS, run_check

    run = CheckRun(settings)
    for name in CHECKS:
        report.add(name, await run_check(name, run))
