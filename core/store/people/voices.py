"""People's own speech settings, and saved voices."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection, delete, select, union_all, update

from core.models import Audio, Chat, SavedVoice, SpeechSettings
from core.store.database.dialects import RowId, take_turns
from core.store.database.queries import Database, chat_row, insert_new, is_chat, writes
from core.store.database.tables import chats, people, sounds, voices
from core.store.people.accounts import SPEECH, TURNS_OF_PEOPLE, account_row, is_person


def hash_sample(sample: Audio) -> str:
    """Return the hash that links synthesized audio to the voice sample it was made with."""
    return hashlib.sha256(sample.data).hexdigest()


def hash_of(voice: SavedVoice) -> str:
    """Return that hash of a saved voice, whose sample need not be loaded."""
    return voice.sample_hash or hash_sample(voice.sample)


class Voices:
    """Queries about people's speech settings and saved voices."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def choice(self, platform: str, person_id: str) -> SpeechSettings:
        """Return the speech settings of a person."""
        key = {"of_platform": platform, "of_person": person_id}
        rows = await self._database.rows(SPEECH, key)
        found: SpeechSettings | None = rows[0].speech if rows else None
        return found or SpeechSettings()

    @writes
    def save_choice(
        self, connection: Connection, platform: str, person_id: str, choice: SpeechSettings
    ) -> None:
        """Save the speech settings of a person, for all their accounts."""
        take_turns(connection, TURNS_OF_PEOPLE)
        account_row(connection, platform, person_id)
        change = update(people).where(is_person(platform, person_id))
        connection.execute(change.values(speech=choice))

    @writes
    def keep(self, connection: Connection, chat: Chat, person_id: str, voice: SavedVoice) -> None:
        """Save a voice: a cloned one for this person only, a designed one for the chat."""
        self.add_row(connection, chat, person_id, voice)

    def add_row(
        self, connection: Connection, chat: Chat, person_id: str, voice: SavedVoice
    ) -> bool:
        """Do so in the transaction of `connection`. Return False if it is saved already."""
        voice = replace(voice, by=person_id)
        owner: dict[str, Any] = {"chat_pk": chat_row(connection, chat).chat_pk}
        if voice.is_clone:
            account = account_row(connection, chat.platform, person_id)
            owner = {"person_pk": account.person_pk}
        now = self._database.now()
        values = {"voice_id": voice.voice_id, "created_at": now, "content": voice}
        return bool(connection.execute(insert_new(voices).values(**owner, **values)).rowcount)

    async def load(self, voice: SavedVoice) -> SavedVoice:
        """Return a voice of `usable` with its sample. Raises StoreError, SoundGone."""
        return voice

    async def usable(self, chat: Chat, person_id: str) -> list[SavedVoice]:
        """Return the voices that this person may use in this chat, the oldest first."""
        of_chat = select(chats.c.chat_pk).where(is_chat(chat))
        of_person = select(people.c.person_pk).where(is_person(chat.platform, person_id))
        usable = union_all(
            select(voices.c.voice_id).where(voices.c.chat_pk.in_(of_chat)),
            select(voices.c.voice_id).where(voices.c.person_pk.in_(of_person)),
        )
        is_usable = voices.c.voice_id.in_(usable)
        query = select(voices, RowId(voices).label("number")).where(is_usable)
        rows = await self._database.rows(query)
        return [row.content for row in sorted(rows, key=attrgetter("created_at", "number"))]

    @writes
    def rename(self, connection: Connection, voice: SavedVoice) -> None:
        """Save a voice under its new name."""
        change = update(voices).where(voices.c.voice_id == voice.voice_id)
        connection.execute(change.values(content=voice))

    @writes
    def forget(self, connection: Connection, voice: SavedVoice) -> None:
        """Delete a saved voice with its sample and all audio that was made with it."""
        connection.execute(delete(voices).where(voices.c.voice_id == voice.voice_id))
        spoken = sounds.c.sample == hash_of(voice)
        connection.execute(delete(sounds).where(spoken))
