from __future__ import annotations

from bots.checks import CHECKS, run_check
from bots.findings import Finding, Visit
from core.config import Settings


async def look(name: str, **values: object) -> Finding:
    """Run one check in this process."""
    settings = Settings(_env_file=None, **values)  # type: ignore[arg-type,call-arg]
    return await run_check(dict(CHECKS)[name], Visit(settings))
