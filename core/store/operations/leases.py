"""Leases: what one process at a time may do, such as asking Telegram for updates.

Only where several processes share a database; its clock decides, whatever theirs say.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, literal_column, select
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.sql.elements import ColumnElement

from core.store.database.queries import Database, writes
from core.store.database.schema import leases

_NOW: ColumnElement[Any] = literal_column("clock_timestamp()")
_UNTIL = _NOW + func.make_interval(0, 0, 0, 0, 0, 0, bindparam("for_s"))
_IS_FREE = (leases.c.until_at < _NOW) | (leases.c.holder == bindparam("of_holder"))
_NEW = insert(leases).values(
    name=bindparam("of_name"), holder=bindparam("of_holder"), until_at=_UNTIL
)
_TAKE = _NEW.on_conflict_do_update(
    index_elements=[leases.c.name],
    set_={"holder": bindparam("of_holder"), "until_at": _UNTIL},
    where=_IS_FREE,
)
_IS_OWN = (leases.c.name == bindparam("of_name")) & (leases.c.holder == bindparam("of_holder"))


class Leases:
    """Queries about leases."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @writes
    def take(self, connection: Connection, name: str, holder: str, for_s: float) -> bool:
        """Take or renew a lease. Return False if somebody else holds it."""
        key: dict[str, Any] = {"of_name": name, "of_holder": holder, "for_s": for_s}
        return bool(connection.execute(_TAKE, key).rowcount)

    @writes
    def give_up(self, connection: Connection, name: str, holder: str) -> None:
        """Let others take a lease at once."""
        connection.execute(delete(leases).where(_IS_OWN), {"of_name": name, "of_holder": holder})

    async def list_held(self) -> dict[str, str]:
        """Return who holds each lease that has not expired."""
        rows = await self._database.rows(select(leases).where(leases.c.until_at >= _NOW))
        return {row.name: row.holder for row in rows}
