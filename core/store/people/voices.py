"""People's own speech settings, and saved voices."""

from __future__ import annotations

from typing import Any

from sqlalchemy import delete, or_, select, update

from core.models import Chat, SavedVoice, SpeechSettings
from core.store.database.queries import Database, chat_row, hash_sample, insert_new, is_chat
from core.store.database.tables import chats, people, sounds, voices
from core.store.people.accounts import SPEECH, account_row, is_person


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

    async def save_choice(self, platform: str, person_id: str, choice: SpeechSettings) -> None:
        """Save the speech settings of a person, for all their accounts."""
        async with self._database.write() as connection:
            await account_row(connection, platform, person_id)
            change = update(people).where(is_person(platform, person_id))
            await connection.execute(change.values(speech=choice))

    async def keep(self, chat: Chat, person_id: str, voice: SavedVoice) -> None:
        """Save a voice: a cloned one for this person only, a designed one for the chat."""
        async with self._database.write() as connection:
            owner: dict[str, Any] = {"chat_pk": (await chat_row(connection, chat)).chat_pk}
            if voice.is_clone:
                account = await account_row(connection, chat.platform, person_id)
                owner = {"person_pk": account.person_pk}
            now = self._database.now()
            values = {"voice_id": voice.voice_id, "created_at": now, "content": voice}
            await connection.execute(insert_new(voices).values(**owner, **values))

    async def usable(self, chat: Chat, person_id: str) -> list[SavedVoice]:
        """Return the voices that this person may use in this chat, the oldest first."""
        query = (
            select(voices.c.content)
            .outerjoin(chats, chats.c.chat_pk == voices.c.chat_pk)
            .outerjoin(people, people.c.person_pk == voices.c.person_pk)
            .where(or_(is_chat(chat), is_person(chat.platform, person_id)))
            .order_by(voices.c.created_at)
        )
        return [row.content for row in await self._database.rows(query)]

    async def rename(self, voice: SavedVoice) -> None:
        """Save a voice under its new name."""
        change = update(voices).where(voices.c.voice_id == voice.voice_id)
        async with self._database.write() as connection:
            await connection.execute(change.values(content=voice))

    async def forget(self, voice: SavedVoice) -> None:
        """Delete a saved voice with its sample and all audio that was made with it."""
        async with self._database.write() as connection:
            await connection.execute(delete(voices).where(voices.c.voice_id == voice.voice_id))
            spoken = sounds.c.sample == hash_sample(voice.sample)
            await connection.execute(delete(sounds).where(spoken))
