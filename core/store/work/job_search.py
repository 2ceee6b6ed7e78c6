"""Search in what a person has said and was answered, over all of the person's chats."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from operator import attrgetter
from types import SimpleNamespace
from typing import Any, cast

from sqlalchemy import bindparam, literal_column, select, type_coerce
from sqlalchemy.types import NullType

from core.models import Chat, Job, JobState, Message, Reply
from core.store.database.cipher import Cipher
from core.store.database.encryption import Encrypted, UtcDateTime
from core.store.database.queries import Database, is_chat_of, read_job, select_jobs
from core.store.database.tables import chats, jobs, messages
from core.store.talk.search import Search

#: Jobs that are decrypted at once, in a thread: replies may hold speech.
_BATCH = 50
#: What `select_jobs` returns, but with the long columns as they are stored.
_RAW = tuple(
    type_coerce(column, NullType()).label(column.name)
    if column.name in ("content", "reply")
    else column
    for column in select_jobs().selected_columns
)
#: An edited transcript is found where it is shown.
_SELECT = (
    select_jobs()
    .with_only_columns(*_RAW, maintain_column_froms=True)
    .where(jobs.c.seq.in_(bindparam("of_seqs", expanding=True)), jobs.c.command != "fix")
)
#: Written out: with a parameter, SQLite does not use the index of exports.
_EXPORTS = (
    select(messages.c.content)
    .join(jobs, jobs.c.message_pk == messages.c.message_pk)
    .where(jobs.c.command == literal_column("'export'"), jobs.c.state == JobState.DONE)
    .where(jobs.c.finished_at > bindparam("since", type_=UtcDateTime()))
    .where(messages.c.content.is_not(None))
)
_CONTENT = cast(Encrypted, messages.c.content.type)
_REPLY = cast(Encrypted, jobs.c.reply.type)


class JobSearch:
    """The query behind the search box of the web chat."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, person: Chat, words: str, limit: int) -> list[Job]:
        """Return the jobs whose message, transcript or reply has all the words, newest first.

        person: the first chat; the others have its id and a "-" in front.
        """
        search, found = Search(words), list[Job]()
        of_person = select(jobs.c.seq).join(chats, chats.c.chat_pk == jobs.c.chat_pk)
        # In one go, and sorted here: SQLite would sort them again for each batch.
        rows = await self._database.rows(of_person.where(is_chat_of(person)))
        seqs = sorted((row.seq for row in rows), reverse=True)
        while search.words and seqs and len(found) < limit:
            batch, seqs = seqs[:_BATCH], seqs[_BATCH:]
            rows = await self._database.rows(_SELECT, {"of_seqs": batch})
            rows = sorted(rows, key=attrgetter("seq"), reverse=True)
            now = self._database.now()
            found += await asyncio.to_thread(_find, rows, search, self._database.cipher, now)
        return found[:limit]

    async def exports_since(self, since: datetime) -> list[Message]:
        """Return the messages of the /export jobs that have ended since then, of everybody."""
        rows = await self._database.rows(_EXPORTS, {"since": since})
        return [row.content for row in rows]


def _find(rows: Sequence[Any], search: Search, cipher: Cipher, now: datetime) -> list[Job]:
    """Return the jobs of `rows` that match."""
    found: list[Job] = []
    for row in rows:
        content = _CONTENT.open(row.content, cipher)
        answer = _REPLY.open(row.reply, cipher) if row.reply else b""
        # Parsing takes longer than decrypting.
        if not search.may_match(content, answer):
            continue
        message: Message = _CONTENT.read(content)
        reply: Reply | None = _REPLY.read(answer) if answer else None
        texts = [message.text, *([reply.quote, reply.text] if reply else [])]
        if search.matches_text("\n".join(texts)):
            read = {**row._mapping, "content": message, "reply": reply}
            found.append(read_job(SimpleNamespace(**read), now))
    return found
