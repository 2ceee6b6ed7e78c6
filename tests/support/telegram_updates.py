"""Raw updates of Telegram, and the messages parsed from them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from bots.telegram_bot.incoming.updates import BotIdentity, ChatMove, read_update
from core.models import Attachment, Message

ME = BotIdentity("123456", "hearsay_test_bot")
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
ANN = {"id": 7, "is_bot": False, "first_name": "Ann", "last_name": "Lee", "language_code": "de"}
PRIVATE = {"id": 7, "type": "private", "first_name": "Ann"}
GROUP = {"id": -1001, "type": "supergroup", "title": "Group"}
CHANNEL = {"id": -1002, "type": "channel", "title": "News"}
VOICE = {"file_id": "v1", "file_unique_id": "u", "duration": 4, "mime_type": "audio/ogg"}
FOUND = Attachment("v1", "voice", "", "audio/ogg", None, 4.0)


def make(**fields: Any) -> dict[str, Any]:
    """Return a raw message; fields that are None are left out."""
    base = {"message_id": 5, "date": 1700000000, "chat": PRIVATE, "from": ANN}
    return {name: value for name, value in (base | fields).items() if value is not None}


def read(**fields: Any) -> Message | ChatMove | None:
    return read_update({"update_id": 1, "message": make(**fields)}, ME, NOW)


def read_message(**fields: Any) -> Message:
    message = read(**fields)
    assert isinstance(message, Message)
    return message


def command(text: str, length: int | None = None, **fields: Any) -> dict[str, Any]:
    length = len(text.split()[0]) if length is None else length
    entity = {"type": "bot_command", "offset": 0, "length": length}
    return {"text": text, "entities": [entity], **fields}
