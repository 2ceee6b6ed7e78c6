from __future__ import annotations

from bots.doctor.checks import run_check
from bots.doctor.results import CheckRun, Result
from core.config import Settings


async def check(name: str, **values: object) -> Result:
    """Run one check in this process."""
    values.setdefault("web_port", 0)  # any that is free
    settings = Settings(_env_file=None, **values)  # type: ignore[arg-type,call-arg]
    return await run_check(name, CheckRun(settings))
