"""How far chats were read, on platforms that show nothing twice."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import delete, select

from core.models import Chat
from core.store.database.connection import Database
from core.store.database.queries import chat_row
from core.store.database.tables import chats, watermarks


class Watermarks:
    """Every query about how far chats were read."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self, platform: str, bot_id: str) -> dict[str, str]:
        """Return the newest message known of each chat: chat id -> message id."""
        query = (
            select(chats.c.chat_id, watermarks.c.message_id)
            .join(watermarks, watermarks.c.chat_pk == chats.c.chat_pk)
            .where(chats.c.platform == platform, chats.c.bot_id == bot_id)
        )
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).all()
        return {row.chat_id: row.message_id for row in rows}

    async def save(self, platform: str, bot_id: str, seen: Mapping[str, str]) -> None:
        """Keep the newest message of each chat: chat id -> message id."""
        async with self._database.write() as connection:
            for chat_id, message_id in seen.items():
                row = await chat_row(connection, Chat(platform, bot_id, chat_id))
                is_it = watermarks.c.chat_pk == row.chat_pk
                await connection.execute(delete(watermarks).where(is_it))
                values = {"chat_pk": row.chat_pk, "message_id": message_id}
                await connection.execute(watermarks.insert(), values)
