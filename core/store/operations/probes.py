"""When the model of each role was last asked whether it lives, and what it said."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select, update

from core.models import ProbeResult
from core.store.database.connection import Database
from core.store.database.queries import insert_new
from core.store.database.schema import probes

#: No model is asked more often.
INTERVAL = timedelta(days=1)


def is_fresh(checked_at: datetime, now: datetime) -> bool:
    """Tell whether a model that was probed at one moment need not be at another.

    A moment that is yet to come was noted while the clock was ahead, and holds nothing up.
    """
    return now - INTERVAL < checked_at <= now


class Probes:
    """Every query about probes of models. One row a role: the newest."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> dict[str, ProbeResult]:
        """Return the newest probe of each role, by role."""
        async with self._database.read() as connection:
            rows = (await connection.execute(select(probes))).all()
        return {
            row.role: ProbeResult(row.role, row.engine, row.model, row.checked_at, row.error)
            for row in rows
        }

    async def begin(self, role: str, moment: datetime) -> bool:
        """Note that `role` is probed at `moment`; return False if that is too early.

        Committed before the call: an end of the process makes no second one.
        """
        is_role = probes.c.role == role
        async with self._database.write() as connection:
            last_at = (
                await connection.execute(select(probes.c.checked_at).where(is_role))
            ).scalar()
            if last_at is not None and is_fresh(last_at, moment):
                return False
            new = {"role": role, "checked_at": moment, "engine": "", "model": "", "error": ""}
            await connection.execute(insert_new(connection, probes), new)
            await connection.execute(update(probes).where(is_role).values(checked_at=moment))
        return True

    async def end(self, probe: ProbeResult) -> None:
        """Keep what came of a probe."""
        values = {"engine": probe.engine, "model": probe.model, "error": probe.error}
        async with self._database.write() as connection:
            is_role = probes.c.role == probe.role
            await connection.execute(update(probes).where(is_role).values(values))
