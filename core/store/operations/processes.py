"""The processes that use one database: each says that it lives, and dead ones leave nothing behind.

A process holds a lease (`core.store.operations.leases`) with its own name. What it has taken, such
as slots at engines and held parts of budgets, is given back once that lease has expired.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import structlog
from sqlalchemy import Connection, delete, literal_column, select, text
from sqlalchemy.sql.elements import ColumnElement

from core.errors import StoreError
from core.store.budget_holds import release_left
from core.store.database.process_tables import engine_slots, paid_calls
from core.store.database.queries import Database, writes
from core.store.database.schema import leases
from core.store.events import ROOM, notify
from core.store.operations.uses import forget_uses
from core.store.work.queue import adopt

#: How long a process that is silent counts as alive, and how often it says so: what a dead one held
#: is free within the sum of both.
ALIVE_S, RENEW_S = 8.0, 2.0
#: How often, in renewals, what nobody needs any more is deleted.
_TIDY_EVERY = 20

_PREFIX = "process "
_RENEW = text(
    "INSERT INTO leases (name, holder, until_at)"
    " VALUES (:name, :holder, clock_timestamp() + make_interval(secs => :for_s))"
    " ON CONFLICT (name) DO UPDATE SET until_at = excluded.until_at"
)
_NOW: ColumnElement[Any] = literal_column("clock_timestamp()")
_IS_PROCESS = leases.c.name.startswith(_PREFIX)
_LIVING = select(leases.c.holder).where(_IS_PROCESS)

log = structlog.get_logger()


class Processes:
    """The life of this process, and the end of others."""

    def __init__(self, database: Database) -> None:
        self._database = database
        #: Called when others may have thought that this process had ended: it was suspended.
        self.on_lost: Callable[[], object] = lambda: None
        #: Called at each renewal.
        self.on_renewal: list[Callable[[], Any]] = []
        self._count = 0

    async def run(self) -> None:
        """Say that this process lives until cancelled."""
        clock = self._database.clock
        renewed_s = clock.monotonic()
        while True:
            await clock.sleep(RENEW_S)
            try:
                if clock.monotonic() - renewed_s > ALIVE_S:
                    log.warning("this process was silent for too long")
                    self.on_lost()
                begun_s = clock.monotonic()
                await self.renew()
                renewed_s = begun_s
                for tell in self.on_renewal:
                    await tell()
            except StoreError as error:
                log.warning("the database does not know that this process lives", error=str(error))

    async def renew(self) -> None:
        """Say that this process lives, and give back what those held that do not."""
        is_first, is_due = not self._count, self._count % _TIDY_EVERY == 0
        self._count += 1
        for process in await self._renew(is_first=is_first, is_due=is_due):
            log.warning("a process has ended without a word", process=process)

    @writes
    def _renew(self, connection: Connection, *, is_first: bool, is_due: bool) -> list[str]:
        own = {"name": f"{_PREFIX}{self._database.process}", "holder": self._database.process}
        connection.execute(_RENEW, own | {"for_s": ALIVE_S})
        is_dead = _IS_PROCESS & (leases.c.until_at < _NOW)
        dead = connection.execute(delete(leases).where(is_dead).returning(leases.c.holder))
        ended = list(dead.scalars())
        if ended or is_first:
            self._give_back(connection)
        if is_due:
            forget_uses(connection)
        return ended

    @writes
    def end(self, connection: Connection) -> None:
        """Give back all that this process holds: it ends."""
        is_own = leases.c.name == f"{_PREFIX}{self._database.process}"
        connection.execute(delete(leases).where(is_own))
        self._give_back(connection)

    def _give_back(self, connection: Connection) -> None:
        """Give back what belongs to no process that lives."""
        release_left(connection, _LIVING)
        for table in (paid_calls, engine_slots):
            connection.execute(delete(table).where(table.c.process.not_in(_LIVING)))
        adopt(connection)
        notify(connection, ROOM, None)
