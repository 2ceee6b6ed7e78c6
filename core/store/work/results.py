"""Paid results, kept before the next step, and what they cost."""

from __future__ import annotations

from sqlalchemy import bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.models import Answer, Audio, Transcript, Usage
from core.store.database.connection import Database
from core.store.database.queries import hash_sample, insert_new, now
from core.store.database.schema import usage
from core.store.database.tables import answers, sounds, transcripts

#: Built once: every recording waits for it.
_RESULT = select(transcripts.c.content).where(transcripts.c.key == bindparam("of"))


class Results:
    """Every query about what engines gave us."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, key: str) -> Transcript | None:
        """Return the result kept under `key`."""
        async with self._database.read() as connection:
            found: Transcript | None = (await connection.execute(_RESULT, {"of": key})).scalar()
        return found

    async def save(self, key: str, transcript: Transcript, whole: str | None = None) -> None:
        """Keep a result and book what it cost, in one commit.

        whole: of a piece, the key of the whole recording.
        """
        async with self._database.write() as connection:
            moment = now(connection)
            values = {"key": key, "created_at": moment, "content": transcript, "whole": whole}
            await connection.execute(insert_new(connection, transcripts), values)
            if transcript.usage is not None:
                await _book(connection, transcript.usage)

    async def find_answer(self, key: str) -> Answer | None:
        """Return the answer kept under `key`."""
        query = select(answers.c.content).where(answers.c.key == key)
        async with self._database.read() as connection:
            found: Answer | None = (await connection.execute(query)).scalar()
        return found

    async def save_answer(self, key: str, answer: Answer) -> None:
        """Keep a paid answer and book what it cost, in one commit."""
        async with self._database.write() as connection:
            values = {"key": key, "created_at": now(connection), "content": answer}
            await connection.execute(insert_new(connection, answers), values)
            if answer.usage is not None:
                await _book(connection, answer.usage)

    async def find_sound(self, key: str) -> bytes | None:
        """Return the sound kept under `key`."""
        query = select(sounds.c.content).where(sounds.c.key == key)
        async with self._database.read() as connection:
            found: bytes | None = (await connection.execute(query)).scalar()
        return found

    async def save_sound(self, key: str, sound: bytes, cost: Usage, sample: Audio | None) -> None:
        """Keep a paid sound and book what it cost, in one commit.

        sample: the recording of the voice that spoke; what was said with it goes when it goes.
        """
        async with self._database.write() as connection:
            digest = hash_sample(sample) if sample else None
            values = {"key": key, "created_at": now(connection), "content": sound, "sample": digest}
            await connection.execute(insert_new(connection, sounds), values)
            await _book(connection, cost)


async def _book(connection: AsyncConnection, cost: Usage) -> None:
    await connection.execute(
        usage.insert().values(
            created_at=now(connection),
            engine=cost.engine,
            model=cost.model,
            audio_s=cost.audio_s,
            prompt_tokens=cost.prompt_tokens,
            completion_tokens=cost.completion_tokens,
        )
    )
