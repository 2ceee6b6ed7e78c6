"""Paid results, saved before the next step, and their cost."""

from __future__ import annotations

from dataclasses import asdict

from sqlalchemy import Table, bindparam, select

from core.models import Answer, Audio, Transcript, Usage
from core.store.database.connection import Database
from core.store.database.queries import hash_sample, insert_new
from core.store.database.schema import usage
from core.store.database.tables import answers, sounds, transcripts

#: Built once: every recording waits for it.
_TRANSCRIPT = select(transcripts.c.content).where(transcripts.c.key == bindparam("of"))


class Results:
    """Queries about what engines returned."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, key: str) -> Transcript | None:
        """Return the transcript saved under `key`."""
        rows = await self._database.rows(_TRANSCRIPT, {"of": key})
        return rows[0].content if rows else None

    async def save(self, key: str, transcript: Transcript, whole: str | None = None) -> None:
        """Save a transcript and its cost in one commit.

        whole: for a piece, the key of the whole recording.
        """
        values = {"key": key, "content": transcript, "whole": whole}
        await self._save(transcripts, values, transcript.usage)

    async def find_answer(self, key: str) -> Answer | None:
        """Return the answer saved under `key`."""
        query = select(answers.c.content).where(answers.c.key == key)
        return await self._database.scalar(query)

    async def save_answer(self, key: str, answer: Answer) -> None:
        """Save a paid answer and its cost in one commit."""
        await self._save(answers, {"key": key, "content": answer}, answer.usage)

    async def find_sound(self, key: str) -> bytes | None:
        """Return the synthesized audio saved under `key`."""
        query = select(sounds.c.content).where(sounds.c.key == key)
        return await self._database.scalar(query)

    async def save_sound(self, key: str, sound: bytes, cost: Usage, sample: Audio | None) -> None:
        """Save synthesized audio and its cost in one commit.

        sample: the recording of the voice that was used. When the voice is deleted, so is all
        audio that was made with it.
        """
        digest = hash_sample(sample) if sample else None
        await self._save(sounds, {"key": key, "content": sound, "sample": digest}, cost)

    async def _save(self, table: Table, values: dict[str, object], cost: Usage | None) -> None:
        now = self._database.now()
        async with self._database.write() as connection:
            await connection.execute(insert_new(table), values | {"created_at": now})
            if cost is not None:
                await connection.execute(usage.insert(), asdict(cost) | {"created_at": now})
