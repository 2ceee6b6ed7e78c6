"""Paid results, kept before the next step, and what they cost."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select

from core.models import Transcript
from core.store.database import Database
from core.store.rows import insert_new, now
from core.store.tables import transcripts, usage


class Results:
    """Every query about what engines gave us."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, key: str) -> Transcript | None:
        """Return the result kept under `key`."""
        query = select(transcripts.c.content).where(transcripts.c.key == key)
        async with self._database.read() as connection:
            found: Transcript | None = (await connection.execute(query)).scalar()
        return found

    async def save(self, key: str, transcript: Transcript) -> None:
        """Keep a result and book what it cost, in one commit."""
        async with self._database.write() as connection:
            values = {"key": key, "created_at": now(), "content": transcript}
            await connection.execute(insert_new(connection, transcripts).values(values))
            if (cost := transcript.usage) is not None:
                await connection.execute(
                    usage.insert().values(
                        created_at=now(),
                        engine=cost.engine,
                        model=cost.model,
                        audio_s=cost.audio_s,
                        prompt_tokens=cost.prompt_tokens,
                        completion_tokens=cost.completion_tokens,
                    )
                )

    async def audio_s_since(self, moment: datetime) -> float:
        """Return the seconds of sound that engines have heard since `moment`."""
        query = select(func.sum(usage.c.audio_s)).where(usage.c.created_at >= moment)
        async with self._database.read() as connection:
            return float((await connection.execute(query)).scalar() or 0.0)
