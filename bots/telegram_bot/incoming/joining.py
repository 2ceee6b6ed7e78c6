"""Our being added to a group: an update that becomes the /start of whoever did it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from telegram import ChatMember
from telegram.constants import ChatType

from bots.common.chat import clean_line
from core.models import Chat, Message

#: Starts the message id; the moment follows, so that a repeated update is known.
PREFIX = "joined:"
_GROUPS = frozenset({ChatType.GROUP, ChatType.SUPERGROUP})
_INSIDE = frozenset({ChatMember.OWNER, ChatMember.ADMINISTRATOR, ChatMember.MEMBER})


def read_joining(change: Mapping[str, Any], bot_id: str) -> Message | None:
    """Return the message for a raw ChatMemberUpdated, None unless it added us to a group.

    Read without the SDK, which insists on a field for every right that an admin may have.
    """
    chat = change["chat"]
    if chat["type"] not in _GROUPS or _is_inside(change["old_chat_member"]):
        return None
    if not _is_inside(change["new_chat_member"]):
        return None
    sender = change["from"]
    return Message(
        chat=Chat("telegram", bot_id, str(chat["id"])),
        message_id=f"{PREFIX}{change['date']}",
        sent_at=datetime.fromtimestamp(change["date"], UTC),
        sender_id=str(sender["id"]),
        sender_name=clean_line(sender.get("first_name") or ""),
        is_private=False,
        language=sender.get("language_code") or "",
        command="start",
    )


def _is_inside(member: Mapping[str, Any]) -> bool:
    """Return whether a raw ChatMember is in the chat; a restricted one may be or not."""
    return member["status"] in _INSIDE or bool(member.get("is_member"))
