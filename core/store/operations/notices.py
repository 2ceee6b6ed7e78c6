"""What operators are told, kept as messages with a job each."""

from __future__ import annotations

from core.models import Chat, Message
from core.store.database.connection import Database
from core.store.database.queries import chat_row
from core.store.work.intake import add_own

COMMAND = "notice"


class AlertStore:
    """Every query about notices."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, chat: Chat, key: str, text: str) -> bool:
        """Add a job that says `text` in a chat; False if that chat was told of `key` already."""
        moment = self._database.clock.now()
        message = Message(chat, f"{COMMAND}:{key}", moment, text=text, command=COMMAND)
        async with self._database.write() as connection:
            row = await chat_row(connection, chat)
            return await add_own(connection, row.chat_pk, message)
