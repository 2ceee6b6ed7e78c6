"""Remembered messages of a group, for tests of memory."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from core.models import Attachment, Chat, ChatSettings, Message, TalkRange, TalkSettings
from core.store import Store

CHAT = Chat("test", "1", "-100")
START = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
REMEMBERS = ChatSettings(talk=TalkSettings(remember_days=7))
VOICE = Attachment("voice-1", duration_s=134.0)


def silent(message: Message, settings: ChatSettings) -> None:
    """Stand in for `pick_command` where no message asks for anything."""


def say(number: int, text: str = "", **changes: object) -> Message:
    sent_at, ada = START + timedelta(minutes=number), {"sender_id": "7", "sender_name": "Ada"}
    fields: dict[str, Any] = {"is_private": False, "text": text, **ada, **changes}
    return replace(Message(CHAT, str(number), sent_at), **fields)


async def talk(store: Store, *messages: Message) -> None:
    for message in messages:
        if (await store.chats.settings(message.chat)).talk.remember_days is None:
            await store.chats.save_settings(message.chat, REMEMBERS)
        assert await store.intake.add(message, silent) is None


async def texts(store: Store, chat: Chat = CHAT, **span: object) -> list[str]:
    return [m.text for m in await store.memory.select(chat, TalkRange(**span))]  # type: ignore[arg-type]
