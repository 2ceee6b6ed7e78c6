"""What the page needs of the past: the contract that the store fulfils."""

from __future__ import annotations

from typing import Protocol

from core.models import Chat, Job, Message

#: How far back the page goes.
HISTORY_LIMIT = 100


class History(Protocol):
    """The messages of one chat and what became of them."""

    async def recent(self, chat: Chat, limit: int) -> list[tuple[Message, Job]]:
        """Return the last `limit` messages that asked for something, the newest last.

        Each job holds its state and the saved reply.
        """

    async def blob(self, chat: Chat, message_id: str) -> bytes | None:
        """Return the sound uploaded with a message, kept until its job has ended."""


async def find_entry(history: History, chat: Chat, message_id: str) -> tuple[Message, Job] | None:
    """Return a message of this chat and its job, None if it is unknown or too long ago."""
    for message, job in await history.recent(chat, HISTORY_LIMIT):
        if message.message_id == message_id:
            return message, job
    return None
