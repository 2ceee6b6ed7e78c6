"""The delivery ledger: the state of each part of a reply."""

from __future__ import annotations

from typing import Any

from sqlalchemy import case, delete, literal, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.elements import ColumnElement

from core.models import DeliveryState, PartDelivery
from core.store.database.connection import Database
from core.store.database.queries import insert_new
from core.store.database.tables import deliveries, jobs
from core.store.talk.search import MOVED

_IS_MOVED = deliveries.c.platform_id.startswith(MOVED)


async def read_deliveries(database: Database, job_id: str) -> list[PartDelivery]:
    """Return the known parts of a job's reply, in order."""
    query = select(deliveries).where(deliveries.c.job_id == job_id).order_by(deliveries.c.part)
    return [_read(row) for row in await database.rows(query)]


def _read(row: Any) -> PartDelivery:
    return PartDelivery(row.part, DeliveryState(row.state), row.platform_id)


async def move_deliveries(connection: AsyncConnection, old_pk: int) -> None:
    """Prefix the ids of what was sent to a chat that moves, so that they match no new message."""
    of_chat = select(jobs.c.job_id).where(jobs.c.chat_pk == old_pk)
    change = update(deliveries).where(deliveries.c.job_id.in_(of_chat))
    moved = literal(MOVED) + deliveries.c.platform_id
    await connection.execute(change.values(platform_id=moved))


class StoredLedger:
    """The delivery ledger of one job, in the database."""

    def __init__(self, database: Database, job_id: str) -> None:
        self._database = database
        self._job_id = job_id

    async def find(self, part: int) -> PartDelivery | None:
        """Return the state of `part`, None if it was never attempted."""
        rows = await self._database.rows(select(deliveries).where(self._is(part)))
        return _read(rows[0]) if rows else None

    async def start(self, part: int) -> None:
        """Record that `part` is about to be sent. The id of a message to be edited stays.

        An id from before the chat moved is dropped: the part is sent to the new chat.
        """
        values = {"job_id": self._job_id, "part": part, "platform_id": ""}
        async with self._database.write() as connection:
            statement = insert_new(connection, deliveries)
            made = await connection.execute(statement.values(**values, state=DeliveryState.PENDING))
            if not made.rowcount:
                is_open = self._is(part) & (deliveries.c.state != DeliveryState.SENT)
                known_id = case((_IS_MOVED, ""), else_=deliveries.c.platform_id)
                change = update(deliveries).where(is_open)
                again = {"state": DeliveryState.PENDING, "platform_id": known_id}
                await connection.execute(change.values(again))

    async def finish(self, part: int, platform_id: str) -> None:
        """Record that `part` was sent, and its id on the platform.

        If the chat has moved since `start`, it was sent to the old one.
        """
        sent_id = case((_IS_MOVED, MOVED + platform_id), else_=platform_id)
        values = {"state": DeliveryState.SENT, "platform_id": sent_id}
        async with self._database.write() as connection:
            change = update(deliveries).where(self._is(part))
            await connection.execute(change.values(**values))

    async def forget(self, part: int) -> None:
        """Record that the message of `part` is gone."""
        async with self._database.write() as connection:
            await connection.execute(delete(deliveries).where(self._is(part)))

    def _is(self, part: int) -> ColumnElement[bool]:
        return (deliveries.c.job_id == self._job_id) & (deliveries.c.part == part)
