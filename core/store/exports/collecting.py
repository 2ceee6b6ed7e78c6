"""Everything that is kept of one person, for /export. Content is decrypted in threads."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from typing import Any

from sqlalchemy import Column, select, union_all

from core.models import Chat, SpeechSettings
from core.privacy.archive import ExportSound
from core.privacy.export import ChatMoment, Export, ExportedChat, ExportedTalk
from core.store.database.objects import SoundGone
from core.store.database.queries import Database, is_chat, is_chat_of, read_settings
from core.store.database.tables import (
    chats,
    link_codes,
    link_tries,
    newcomers,
    people,
    readers,
    remembered,
    schedules,
    voices,
)
from core.store.exports.contributions import Contributions
from core.store.exports.found import Found
from core.store.exports.ownership import Ownership
from core.store.exports.requests import Requests
from core.store.objects.files import ReplyFiles
from core.store.people.accounts import is_account
from core.store.people.links import Links
from core.store.people.voices import Voices
from core.store.recordings import Recordings
from core.store.talk.search import COLUMNS, read_rows

#: Remembered messages that are decrypted at once, in a thread.
_BATCH = 100
#: The key of no row. None would find what belongs to a chat instead of a person.
_NOBODY = -1


class Exports:
    """Queries for the data export."""

    def __init__(
        self, database: Database, recordings: Recordings, saved: Voices, files: ReplyFiles
    ) -> None:
        self._database = database
        self._saved = saved
        self._requests = Requests(database, recordings, files)
        self._links = Links(database)
        self._contributions = Contributions(database)

    async def collect(
        self, private: Chat, person_id: str, sound: ExportSound
    ) -> tuple[Export, frozenset[str]]:
        """Return all that is kept of an account, whose chat with the bot is `private`.

        Also return whose words beside the person's may be in it, where they were forwarded:
        nothing else of others is. Its sound goes into `sound`.
        """
        found = await self._begin(private, person_id, sound)
        account = await self._account(found)
        await self._own_voices(found, person_pk := account.get("person_pk", _NOBODY))
        await self._requests.read(found)
        private_chats = [await self._chat(found, chat) for chat in found.chats]
        return Export(
            self._database.now(), found.platform, person_id,
            account.get("speech") or SpeechSettings(),
            account.get("is_opted_out", False),
            tuple(await self._links.linked_platforms(found.platform, person_id)),
            await self._link_moments(person_pk),
            chats=tuple(filter(None, private_chats)),
            access=await self._contributions.access(found.platform, person_id),
            contributions=await self._contributions.find(found.platform, person_id),
            voices=tuple(found.voices.values()),
            requests=tuple(reversed(found.requests)),
            history=await self._history(found),
            quotations=tuple(found.quotations),
            read_marks=await self._moments(found, readers.c.read_at),
            joined=await self._moments(found, newcomers.c.joined_at),
            left_out=tuple(sound.left_out),
        ), frozenset(found.people - {person_id})  # fmt: skip

    async def _begin(self, private: Chat, person_id: str, sound: ExportSound) -> Found:
        """Return what knows nothing but the private chats: that one, and those of the same id."""
        is_own = is_chat_of(replace(private, chat_id=person_id))
        rows = await self._database.rows(select(chats.c.address).where(is_own))
        addressed = (replace(private, chat_id=row.address) for row in rows)
        own_chats = dict.fromkeys([private, *addressed])
        own = Ownership(self._database, person_id, own_chats)
        return Found(private.platform, person_id, sound, own, own_chats)

    async def _account(self, found: Found) -> dict[str, Any]:
        query = select(people).where(is_account(found.platform, found.person_id))
        return next((row._asdict() for row in await self._database.rows(query)), {})

    async def _link_moments(self, person_pk: int) -> tuple[Any, ...]:
        moments = (
            select(table.c[name]).where(table.c.person_pk == person_pk)
            for table, name in ((link_codes, "until_at"), (link_tries, "tried_at"))
        )
        return tuple(row[0] for row in await self._database.rows(union_all(*moments)))

    async def _own_voices(self, found: Found, person_pk: int) -> None:
        """Add the voices of the account, and those that the person has designed in any chat."""
        await self._voices(found, voices.c.person_pk == person_pk)
        await self._load_voices(
            found, await self._contributions.voices(found.platform, found.person_id)
        )

    async def _voices(self, found: Found, is_theirs: Any) -> None:
        query = select(voices.c.voice_id, voices.c.content).where(is_theirs)
        await self._load_voices(found, await self._database.rows(query))

    async def _load_voices(self, found: Found, rows: Iterable[Any]) -> None:
        for voice_id, voice in rows:
            with suppress(SoundGone):  # without its sample, it is named all the same
                voice = await self._saved.load(voice)
            found.add_voice(voice_id, voice)

    async def _chat(self, found: Found, chat: Chat) -> ExportedChat | None:
        """Return a private chat of the person, and add the voices that were designed there."""
        rows = await self._database.rows(select(chats).where(is_chat(chat)))
        if not rows:
            return None
        [row] = rows
        await self._voices(found, voices.c.chat_pk == row.chat_pk)
        query = select(schedules.c.content).where(schedules.c.chat_pk == row.chat_pk)
        digests = [replace(one.content, chat=chat) for one in await self._database.rows(query)]
        return ExportedChat(chat.chat_id, read_settings(row), tuple(digests))

    async def _history(self, found: Found) -> tuple[ExportedTalk, ...]:
        of, person_id = remembered.c, found.person_id
        by_person = (of.sender_id == person_id, of.origin_id == person_id)
        chosen = union_all(*(select(of.remembered_pk).where(one) for one in by_person))
        # Whoever forwards their own words is both.
        keys = sorted({row.remembered_pk for row in await self._database.rows(chosen)})
        made: list[ExportedTalk] = []
        query = select(*COLUMNS, chats.c.platform, chats.c.bot_id, chats.c.address).join(
            chats, chats.c.chat_pk == of.chat_pk
        )
        for start in range(0, len(keys), _BATCH):
            is_one = of.remembered_pk.in_(keys[start : start + _BATCH])
            rows = await self._database.rows(query.where(is_one, of.content.is_not(None)))
            here = [row for row in rows if row.platform == found.platform]
            read = [row[: len(COLUMNS)] for row in here]
            talk = await asyncio.to_thread(read_rows, read, self._database.cipher)
            places = (Chat(row.platform, row.bot_id, row.address) for row in here)
            made += filter(None, map(found.add_talk, places, talk))
        return tuple(sorted(made, key=lambda one: one.message.sent_at))

    async def _moments(self, found: Found, column: Column[Any]) -> tuple[ChatMoment, ...]:
        """Return the moments of the person in a table of chats and people."""
        of = column.table.c
        query = (
            select(chats.c.address, column)
            .join(chats, chats.c.chat_pk == of.chat_pk)
            .where(of.person_id == found.person_id, chats.c.platform == found.platform)
        )
        return tuple(ChatMoment(*row) for row in await self._database.rows(query))
