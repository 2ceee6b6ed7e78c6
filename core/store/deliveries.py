"""What is known of each part of a reply on its way out."""

from __future__ import annotations

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.elements import ColumnElement

from core.models import Delivery, DeliveryState
from core.store.database import Database
from core.store.rows import insert_new
from core.store.tables import deliveries


async def read_deliveries(connection: AsyncConnection, job_id: str) -> list[Delivery]:
    """Return what is known of the parts of a job's reply, in order."""
    query = select(deliveries).where(deliveries.c.job_id == job_id).order_by(deliveries.c.part)
    rows = await connection.execute(query)
    return [Delivery(r.part, DeliveryState(r.state), r.platform_id) for r in rows]


class StoreLedger:
    """The ledger of one job: see `core.interfaces.Ledger`."""

    def __init__(self, database: Database, job_id: str) -> None:
        self._database = database
        self._job_id = job_id

    async def find(self, part: int) -> Delivery | None:
        """Return what is known of `part`, None if it was never tried."""
        async with self._database.read() as connection:
            row = (await connection.execute(select(deliveries).where(self._is(part)))).one_or_none()
        return Delivery(part, DeliveryState(row.state), row.platform_id) if row else None

    async def start(self, part: int) -> None:
        """Note that `part` is about to be sent; the id of what is to be edited stays."""
        values = {"job_id": self._job_id, "part": part, "platform_id": ""}
        async with self._database.write() as connection:
            statement = insert_new(connection, deliveries)
            made = await connection.execute(statement.values(**values, state=DeliveryState.PENDING))
            if not made.rowcount:
                is_stale = self._is(part) & (deliveries.c.state == DeliveryState.STALE)
                change = update(deliveries).where(is_stale)
                await connection.execute(change.values(state=DeliveryState.PENDING))

    async def finish(self, part: int, platform_id: str) -> None:
        """Note that `part` was sent and what the platform calls it."""
        values = {"state": DeliveryState.SENT, "platform_id": platform_id}
        async with self._database.write() as connection:
            change = update(deliveries).where(self._is(part))
            await connection.execute(change.values(**values))

    async def forget(self, part: int) -> None:
        """Note that `part` stands there no longer."""
        async with self._database.write() as connection:
            await connection.execute(delete(deliveries).where(self._is(part)))

    def _is(self, part: int) -> ColumnElement[bool]:
        return (deliveries.c.job_id == self._job_id) & (deliveries.c.part == part)
