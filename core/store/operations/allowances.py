"""Seconds of audio each API key has used today. Stored, so that a restart does not reset them."""

from __future__ import annotations

from datetime import date

from sqlalchemy import Connection, case, select

from core.store.database.queries import Database, insert_new, writes
from core.store.database.schema import allowances


class Allowances:
    """Queries about the audio that API keys have used. One row per key: its newest day."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def spent_s(self, name: str, day: date) -> float:
        """Return the seconds of audio that the key `name` has used on that day."""
        return (await self.of_day(day)).get(name, 0.0)

    async def of_day(self, day: date) -> dict[str, float]:
        """Return the seconds of audio used on that day, by name of the key."""
        table = allowances.c
        query = select(table.name, table.audio_s).where(table.day == day.isoformat())
        rows = await self._database.rows(query.order_by(table.name))
        return {row.name: row.audio_s for row in rows}

    @writes
    def spend(self, connection: Connection, name: str, day: date, audio_s: float) -> None:
        """Add seconds of audio to what the key `name` has used on that day."""
        is_same = allowances.c.day == day.isoformat()
        before_s = case((is_same, allowances.c.audio_s), else_=0.0)
        new = {"name": name, "day": day.isoformat(), "audio_s": 0.0}
        connection.execute(insert_new(allowances), new)
        more = {"day": day.isoformat(), "audio_s": before_s + audio_s}
        is_it = allowances.c.name == name
        connection.execute(allowances.update().where(is_it).values(more))
