"""Deletion on request: people's messages, the replies to them, and everything made from them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, delete, literal_column, select, update
from sqlalchemy.sql.elements import ColumnElement

from core.models import PERSON_PREFIX, Chat, Message
from core.store.database.queries import IS_FORM, Database, is_chat, writes
from core.store.database.tables import chats, jobs, messages, remembered
from core.store.recordings import Recordings
from core.store.talk.belongings import drop_accounts, drop_belongings, reset_chat
from core.store.talk.emptying import (
    Emptying,
    ForgetTask,
    drop_unfinished,
    find_histories,
    find_users,
    free_results,
    select_ended,
    select_jobs_of,
)
from core.store.talk.forgotten import (
    FORGOTTEN,
    Copies,
    Everybody,
    ForgottenCounts,
    OneMessage,
    Person,
    Whose,
    parent_of,
)
from core.store.talk.memory import EMPTY, IS_KEPT

#: Jobs that are read and emptied at once, to hold the write lock briefly.
_BATCH = 100
#: Summaries in private chats; written out: with a parameter, SQLite does not use their index.
_COPIES = select_ended().where(jobs.c.command == literal_column("'private_summary'"))
#: The command that asks for all this: it is about a reply, but not made from it.
_COMMAND = "forget"
#: How often the WAL is tried to be emptied while others read it, and the pause between. The next
#: purge does it if they never pause.
_SCRUBS, _SCRUB_AGAIN_S = 10, 0.5
_SELECT_HEARD = select(remembered.c.heard_key, remembered.c.content).where(
    remembered.c.heard_key.is_not(None)
)


class Forgetting:
    """Deletes stored content with everything derived from it. Safe to repeat.

    Jobs under way are to be cancelled before: only then they are deleted with the rest.
    """

    def __init__(self, database: Database, recordings: Recordings) -> None:
        self._database = database
        self._recordings = recordings
        self._emptying = Emptying(recordings)
        #: Returns whether a command reads the history of a chat to answer a message.
        self.reads_history: Callable[[str, Message], bool] = lambda command, message: False

    async def forget_person(
        self, chat: Chat, person_id: str, *, is_private: bool = False
    ) -> ForgottenCounts:
        """Delete what is a person's in one chat, with what others asked about it.

        is_private: what has no known author there is theirs, too.
        """
        counts = ForgottenCounts()
        authors = {person_id, ""} if is_private else {person_id}
        for row in await self._find_chats(is_chat(chat)):
            await self._forget(task := ForgetTask(row.chat_pk, Person({person_id}), counts))
            await self._forget_copies(task)
            await self._drop_belongings(row.chat_pk, authors, counts)
        await self._finish()
        return counts

    async def forget_everywhere(
        self,
        accounts: Collection[tuple[str, str]],
        private: Collection[Chat] = (),
        *,
        keeps_account: bool,
    ) -> ForgottenCounts:
        """Delete what is a person's in all chats.

        accounts: platform and id of each account. private: the chats with the person, as far as
        known. keeps_account: leave settings, voices, corrections and digests.
        """
        counts = ForgottenCounts()
        for platform in {platform for platform, _ in accounts}:
            ids = {person_id for on, person_id in accounts if on == platform}
            for row in await self._find_chats(chats.c.platform == platform):
                task = ForgetTask(row.chat_pk, Person(ids), counts, is_everywhere=not keeps_account)
                await self._forget(task)
                if not keeps_account:
                    chat = Chat(row.platform, row.bot_id, row.address)
                    is_own = chat in private or _is_chat_of(ids, row.address)
                    await self._drop_belongings(row.chat_pk, ids, counts, is_own=is_own)
        if not keeps_account:
            await self._database.write(lambda one: drop_accounts(one, accounts, counts))
        await self._finish()
        return counts

    async def forget_chat(self, chat: Chat) -> ForgottenCounts:
        """Delete all that is stored about a chat, and its settings."""
        counts = ForgottenCounts()
        for row in await self._find_chats(is_chat(chat)):
            await self._forget(task := ForgetTask(row.chat_pk, Everybody(), counts))
            await self._forget_copies(task)
            await self._drop_belongings(row.chat_pk, None, counts, is_own=True)
        await self._finish()
        return counts

    async def forget_message(
        self, chat: Chat, message_id: str, job_id: str = ""
    ) -> ForgottenCounts:
        """Delete one message, and what was asked about it.

        job_id: the job of the message, if known. A message has no id any more once its chat has
        moved.
        """
        counts = ForgottenCounts()
        for row in await self._find_chats(is_chat(chat)):
            whose = OneMessage(message_id, job_id)
            await self._forget(task := ForgetTask(row.chat_pk, whose, counts))
            await self._forget_copies(task)
        await self._finish()
        return counts

    async def _find_chats(self, condition: ColumnElement[bool]) -> Sequence[Any]:
        names = chats.c.chat_pk, chats.c.platform, chats.c.bot_id, chats.c.address
        return await self._database.rows(select(*names).where(condition))

    async def _finish(self) -> None:
        await self._recordings.sweep()
        for _ in range(_SCRUBS):
            if await self._database.scrub():
                return
            await self._database.clock.sleep(_SCRUB_AGAIN_S)

    async def _forget(self, task: ForgetTask) -> None:
        await self._forget_forms(task)
        await self._forget_talk(task)
        async for rows in self._jobs(task.chat_pk):
            chosen = await self._choose(task.whose, rows)
            await self._empty(task, chosen, [row for row in rows if row not in chosen])

    async def _forget_copies(self, task: ForgetTask) -> None:
        """Do so with summaries of the chat in private chats, and with what was made from these."""
        rows = await self._database.rows(_COPIES)
        is_asked = jobs.c.job_id.in_({parent_of(row.content) for row in rows})
        query = select(jobs.c.job_id).where(is_asked, jobs.c.chat_pk == task.chat_pk)
        asked = {row.job_id for row in await self._database.rows(query)}
        here = [row for row in rows if parent_of(row.content) in asked]
        theirs = [row for row in here if task.whose.has_words(row.reply)]
        for chat_pk in {row.chat_pk for row in here}:
            whose = Copies(row.job_id for row in theirs if row.chat_pk == chat_pk)
            others = [row for row in here if row.chat_pk == chat_pk and row not in theirs]
            copies = replace(task, chat_pk=chat_pk, whose=whose)
            async for rows in self._jobs(chat_pk):
                await self._empty(copies, await self._choose(whose, rows), others)

    async def _forget_forms(self, task: ForgetTask) -> None:
        """Delete what forms are about that nobody has submitted, or not yet."""
        is_form = (messages.c.chat_pk == task.chat_pk) & IS_FORM
        query = select(messages.c.message_pk, messages.c.content).where(is_form)
        rows = await self._database.rows(query)
        found = [row.message_pk for row in rows if task.whose.is_form(row.content)]
        change = delete(messages).where(messages.c.message_pk.in_(found))
        await self._database.write(lambda one: one.execute(change))

    @writes
    def _forget_talk(self, connection: Connection, task: ForgetTask) -> None:
        is_it = (remembered.c.chat_pk == task.chat_pk) & task.whose.talk
        found = connection.execute(select(remembered.c.message_id).where(is_it, IS_KEPT)).scalars()
        task.counts.message_ids |= {(task.chat_pk, message_id) for message_id in found}
        heard = connection.execute(_SELECT_HEARD.where(is_it, IS_KEPT)).all()
        if isinstance(task.whose, Everybody):
            connection.execute(delete(remembered).where(is_it))
        else:
            connection.execute(update(remembered).where(is_it, IS_KEPT).values(EMPTY))
        owned = {row.heard_key for row in heard if task.whose.speaks(row.content)}
        keys = {row.heard_key for row in heard}
        freed = keys if task.whose.frees_talk else owned
        free_results(connection, {task.chat_pk}, task.counts, freed, keys)
        self._emptying.run(connection, task, find_users(connection, task.chat_pk, owned))

    async def _jobs(self, chat_pk: int) -> AsyncIterator[Sequence[Any]]:
        query = select_jobs_of(chat_pk).order_by(jobs.c.seq).limit(_BATCH)
        seq = 0
        while rows := await self._database.rows(query.where(jobs.c.seq > seq)):
            yield rows
            seq = rows[-1].seq

    async def _choose(self, whose: Whose, rows: Sequence[Any]) -> list[Any]:
        """Return the jobs that are theirs, or come from a reply that was forgotten."""
        parents = {parent_of(row.content) for row in rows}
        is_gone = jobs.c.job_id.in_(parents) & (jobs.c.error == FORGOTTEN)
        gone = {
            row.job_id for row in await self._database.rows(select(jobs.c.job_id).where(is_gone))
        }
        chosen = []
        for row in rows:  # what comes from a reply has come later
            is_derived = row.command != _COMMAND and parent_of(row.content) in gone
            if is_derived or whose.is_theirs(row):
                gone.add(row.job_id)
                chosen.append(row)
        return chosen

    async def _empty(self, task: ForgetTask, chosen: Sequence[Any], others: Sequence[Any]) -> None:
        """Empty ended jobs. What others have paid for and not shown goes, too: it may be theirs."""
        failed = [row for row in others if self._may_have_read(row)]
        if chosen or failed:
            await self._write(task, chosen, failed)

    def _may_have_read(self, row: Any) -> bool:
        """Return whether a job may have read anything, since its reply does not say what it has."""
        is_known = row.reply and (row.reply.people or row.reply.about)
        return not is_known and self.reads_history(row.command, row.content)

    @writes
    def _write(
        self,
        connection: Connection,
        task: ForgetTask,
        chosen: Sequence[Any],
        failed: Sequence[Any],
    ) -> None:
        self._emptying.run(connection, task, chosen)
        histories = find_histories(connection, task.chat_pk, failed)
        drop_unfinished(connection, histories, [row.job_id for row in failed])

    @writes
    def _drop_belongings(
        self,
        connection: Connection,
        chat_pk: int,
        authors: Collection[str] | None,
        counts: ForgottenCounts,
        *,
        is_own: bool = False,
    ) -> None:
        drop_belongings(connection, chat_pk, authors, counts)
        if is_own:
            reset_chat(connection, chat_pk, counts)


def _is_chat_of(ids: Collection[str], chat_id: str) -> bool:
    """Return whether the id of a chat says that it is the private one of a person with these ids.

    On some platforms it is that of the person; or it begins with it, where people have several.
    """
    name = chat_id.removeprefix(PERSON_PREFIX)
    return name in ids or name.partition("-")[0] in ids
