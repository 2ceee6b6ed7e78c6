"""What a person has made in chats, such as corrections, and what was decided about them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

from sqlalchemy import Select, bindparam, select

from core.models import Chat, Correction, DigestSchedule, SavedVoice
from core.privacy.export import AccessDecision, Contribution
from core.store.database.queries import Database
from core.store.database.tables import admissions, chats, schedules, voices

#: Who made something stands in its content alone: all are looked through.
_BATCH = 100
_TALK = (
    select(chats)
    .where(chats.c.chat_pk > bindparam("after"))
    .where(chats.c.talk.is_not(None) | chats.c.speech.is_not(None))
    .order_by(chats.c.chat_pk)
    .limit(_BATCH)
)
_SCHEDULES = select(schedules.c.content, chats).join(chats)
#: Written so that SQLite uses the index.
_VOICE_IDS = select(voices.c.voice_id).where(voices.c.chat_pk > 0)
#: A voice has a long sample: one at a time.
_VOICE: Select[Any] = (
    select(voices.c.voice_id, voices.c.content, chats)
    .join(chats, chats.c.chat_pk == voices.c.chat_pk)
    .where(voices.c.voice_id == bindparam("of_voice"))
)


class Contributions:
    """Queries about contributions."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, platform: str, person_id: str) -> tuple[Contribution, ...]:
        """Return what a person has made in each chat, private ones too."""
        corrections: dict[str, tuple[Correction, ...]] = {}
        digests: dict[str, tuple[DigestSchedule, ...]] = {}
        styles: dict[str, str] = {}
        async for row in self._chats(platform):
            glossary = row.talk.glossary if row.talk else ()
            if theirs := tuple(one for one in glossary if one.by == person_id):
                corrections[row.address] = theirs
            if row.speech and row.speech.style_by == person_id:
                styles[row.address] = row.speech.style
        for row in await self._database.rows(_SCHEDULES):
            if row.platform == platform and row.content.by == person_id:
                chat = Chat(platform, row.bot_id, row.address)
                kept = digests.get(row.address, ())
                digests[row.address] = (*kept, replace(row.content, chat=chat))
        return tuple(
            Contribution(
                chat_id,
                corrections.get(chat_id, ()),
                digests.get(chat_id, ()),
                styles.get(chat_id, ""),
            )
            for chat_id in dict.fromkeys((*corrections, *digests, *styles))
        )

    async def access(self, platform: str, person_id: str) -> tuple[AccessDecision, ...]:
        """Return what operators have decided about a person."""
        is_one = (admissions.c.platform == platform) & (admissions.c.subject == person_id)
        rows = await self._database.rows(select(admissions).where(is_one))
        return tuple(
            AccessDecision(row.decision, row.changed_at, row.content.name, row.content.asked_at)
            for row in rows
        )

    async def voices(self, platform: str, person_id: str) -> list[tuple[str, SavedVoice]]:
        """Return the voices that a person has designed in any chat, by id."""
        found = []
        for row in await self._database.rows(_VOICE_IDS):
            for one in await self._database.rows(_VOICE, {"of_voice": row.voice_id}):
                if one.platform == platform and one.content.by == person_id:
                    found.append((one.voice_id, one.content))
        return found

    async def _chats(self, platform: str) -> AsyncIterator[Any]:
        after = 0
        while rows := await self._database.rows(_TALK, {"after": after}):
            after = rows[-1].chat_pk
            for row in rows:
                if row.platform == platform:
                    yield row
