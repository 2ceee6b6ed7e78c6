"""The last probe of each role's model, and its result; beside them open incidents."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, delete, select, update

from core.errors import StorageFull, StoreError
from core.models import ProbeResult
from core.store.database.queries import Database, insert_new, writes
from core.store.database.schema import probes
from core.store.database.tables import sounds

#: Key and size of what is saved to see whether there is space.
_SPACE, _SPACE_BYTES = "space", 1 << 17
#: Key of what is saved, and deleted again, to see whether anything can be saved.
_TRIAL = "trial"
#: Whoever asks so soon after an attempt is told the same again.
FRESH_S = 15.0
#: A write that takes longer counts as failed: somebody holds the lock, or nobody answers.
WRITE_S = 10.0
#: Begins the names of rows that are incidents instead of roles.
_INCIDENT = "incident "
#: Shortest interval between two probes of one model.
INTERVAL = timedelta(days=1)


def is_fresh(checked_at: datetime, now: datetime) -> bool:
    """Return whether a probe at `checked_at` makes another one at `now` unnecessary.

    A moment in the future was stored while the clock was ahead, and is ignored.
    """
    return now - INTERVAL < checked_at <= now


class Probes:
    """Queries about model probes. One row per role: the newest."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.is_shared = database.is_shared
        #: The last attempt to write, which may still be waiting, and when it was begun.
        self._attempt: asyncio.Task[str] | None = None
        self._attempted_at_s = float("-inf")

    @property
    def fault(self) -> str:
        """Why not everything can be saved, empty if it can."""
        return str(self._database.fault or "")

    async def check_space(self, *, is_reported: bool = False) -> str:
        """Return `fault`, and clear it if the disk has space again.

        A little can be saved even while it has none. is_reported: look at the disk even if nothing
        that this process has saved was too much for it: another process has reported that.
        """
        fault = self.fault
        if not fault and not is_reported:
            return ""
        with suppress(StorageFull):
            now = self._database.now()
            row = {"key": _SPACE, "created_at": now, "content": bytes(_SPACE_BYTES)}
            await self._database.write(lambda one: one.execute(insert_new(sounds), row))
            again = delete(sounds).where(sounds.c.key == _SPACE)
            await self._database.write(lambda one: one.execute(again))
            self._database.fault = None
        return fault or self.fault

    async def check_writes(self) -> str:
        """Return why nothing can be saved, empty if it can: tried, unless that was tried just now.

        Takes `WRITE_S` at most, and begins no attempt while another one waits.
        """
        if self.fault:
            return self.fault
        now_s = self._database.clock.monotonic()
        is_over = self._attempt is None or self._attempt.done()
        if is_over and now_s - self._attempted_at_s >= FRESH_S:
            self._attempted_at_s = now_s
            self._attempt = asyncio.create_task(self._try_write())
        assert self._attempt  # the first one is always due
        await asyncio.wait({self._attempt}, timeout=WRITE_S)
        is_done = self._attempt.done()
        return self._attempt.result() if is_done else f"nothing was saved within {WRITE_S:.0f} s"

    async def _try_write(self) -> str:
        try:
            await self._database.write(_save_nothing)
        except StoreError as error:
            return str(error)
        return ""

    async def all(self) -> dict[str, ProbeResult]:
        """Return the newest probe of each role, by role."""
        return {
            row.role: ProbeResult(row.role, row.engine, row.model, row.checked_at, row.error)
            for row in await self._database.rows(select(probes))
            if not row.role.startswith(_INCIDENT)
        }

    async def incidents(self) -> dict[str, datetime]:
        """Return the keys of the open incidents, and when each began."""
        is_incident = probes.c.role.startswith(_INCIDENT)
        rows = await self._database.rows(
            select(probes.c.role, probes.c.checked_at).where(is_incident)
        )
        return {row.role.removeprefix(_INCIDENT): row.checked_at for row in rows}

    @writes
    def begin_incident(self, connection: Connection, key: str, moment: datetime) -> datetime:
        """Store that an incident is open, and return when it began, perhaps in another process."""
        new = {"role": _INCIDENT + key, "checked_at": moment}
        connection.execute(
            insert_new(probes), new | dict.fromkeys(("engine", "model", "error"), "")
        )
        began_at = select(probes.c.checked_at).where(probes.c.role == _INCIDENT + key)
        found: datetime = connection.execute(began_at).scalar_one()
        return found

    @writes
    def end_incident(self, connection: Connection, key: str) -> None:
        """Store that an incident is over. Safe to repeat."""
        connection.execute(delete(probes).where(probes.c.role == _INCIDENT + key))

    @writes
    def begin(self, connection: Connection, role: str, moment: datetime) -> bool:
        """Store that `role` is probed at `moment`. Return False if that is too early.

        Committed before the request, so that a crash does not lead to a second one.
        """
        new = {"role": role, "checked_at": moment, "engine": "", "model": "", "error": ""}
        if connection.execute(insert_new(probes), new).rowcount:
            return True
        row = select(probes.c.checked_at).where(probes.c.role == role).with_for_update()
        if is_fresh(connection.execute(row).scalar_one(), moment):
            return False
        change = update(probes).where(probes.c.role == role)
        connection.execute(change.values(checked_at=moment))
        return True

    @writes
    def end(self, connection: Connection, probe: ProbeResult) -> None:
        """Save the result of a probe."""
        values = {"engine": probe.engine, "model": probe.model, "error": probe.error}
        is_role = probes.c.role == probe.role
        connection.execute(update(probes).where(is_role).values(values))


def _save_nothing(connection: Connection) -> None:
    """Write to the disk, and leave nothing behind."""
    now = datetime.fromtimestamp(0, UTC)
    row = {"key": _TRIAL, "created_at": now, "content": b"\0"}
    connection.execute(insert_new(sounds), row)
    connection.execute(delete(sounds).where(sounds.c.key == _TRIAL))
