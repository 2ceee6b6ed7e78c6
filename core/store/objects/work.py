"""Messages that come with sound, and replies that have files, where these are objects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sqlalchemy import Connection, select

from core.interfaces import Recording
from core.models import File, Job, JobState, Message, Reply
from core.store.database.objects import REPLY, StoredObject, drop_files, link
from core.store.database.queries import Database
from core.store.database.tables import jobs
from core.store.objects.index import ObjectIndex
from core.store.recordings import Recordings
from core.store.work.deliveries import StoredLedger
from core.store.work.intake import Choose, ChooseStopped, Intake
from core.store.work.jobs import Jobs, write_reply


class OutsideIntake(Intake):
    """A recording is an object before the message that it comes with is committed."""

    def __init__(self, database: Database, recordings: Recordings) -> None:
        super().__init__(database)
        self._recordings = recordings

    async def add(
        self, message: Message, choose: Choose, recording: Recording | None = None, *,
        choose_stopped: ChooseStopped = lambda message, job: None,
    ) -> Job | None:  # fmt: skip
        """Save `message` and the job it asks for, in one commit. Raises StoreError."""
        if isinstance(recording, bytes):
            small, recording = recording, self._recordings.begin()
            await recording.append(small)
        return await super().add(message, choose, recording, choose_stopped=choose_stopped)


class OutsideJobs(Jobs):
    """The files of replies are objects before the reply is committed."""

    def __init__(self, database: Database, index: ObjectIndex) -> None:
        super().__init__(database)
        self._index = index

    async def save_reply(
        self, job_id: str, reply: Reply, outcome: JobState, ledger: StoredLedger | None = None
    ) -> Reply:
        """Save `reply` before anything is sent, its files first. Raises StoreError, JobCancelled.

        Return it with tokens for its buttons and the content of its files.
        """
        stored = {
            number: await self._index.put(file.data)
            for number, file in enumerate(reply.files)
            if file.data and not file.object_key
        }
        files = tuple(_refer(file, stored.get(number)) for number, file in enumerate(reply.files))
        kept = replace(reply, files=files)

        def save(connection: Connection) -> Reply:
            before = connection.execute(select(jobs.c.reply).where(jobs.c.job_id == job_id))
            drop_files(connection, before.scalar(), kept)
            _link_files(connection, job_id, kept, stored)
            saved = write_reply(connection, job_id, kept, outcome)
            if ledger and reply != Reply():
                ledger.begin(connection)
            return saved

        return replace(await self._database.write(save), files=reply.files)


def _refer(file: File, stored: StoredObject | None) -> File:
    """Return a file as its row has it: without its content, if that is an object."""
    if stored is not None:
        return replace(file, data=b"", object_key=stored.key, stored_bytes=stored.size_bytes)
    return replace(file, data=b"") if file.object_key else file


def _link_files(
    connection: Connection, job_id: str, reply: Reply, stored: Mapping[int, StoredObject]
) -> None:
    for number, one in stored.items():
        link(connection, one, REPLY, job_id, number)
