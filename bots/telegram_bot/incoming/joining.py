"""People and the bot itself being added to groups and leaving them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
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
        language=clean_line(sender.get("language_code") or ""),
        command="start",
    )


@dataclass(frozen=True, slots=True)
class MemberChange:
    """Somebody joined or left a chat, or became or stopped being an admin of it."""

    chat_id: str
    #: Empty if it was the bot: then nothing is known of anybody there.
    person_id: str
    #: True if a person came to the chat.
    has_joined: bool = False
    #: Of their app, empty if unknown.
    language: str = ""


def read_member_changes(raw: Mapping[str, Any], bot_id: str) -> list[MemberChange]:
    """Return the changes that a raw update reports.

    Bots that are admins get an update for each; others only see that people come and go.
    """
    for kind in ("my_chat_member", "chat_member"):
        if kind in raw:
            change = raw[kind]
            before, after = change["old_chat_member"], change["new_chat_member"]
            has_joined = _is_inside(after) and not _is_inside(before)
            return [_build_change(change, after["user"], bot_id, has_joined=has_joined)]
    message = raw.get("message") or {}
    gone = message.get("left_chat_member")
    new = [
        _build_change(message, person, bot_id, has_joined=True)
        for person in message.get("new_chat_members") or ()
    ]
    return [*new, *([_build_change(message, gone, bot_id)] if gone else ())]


def _build_change(
    holder: Mapping[str, Any], person: Mapping[str, Any], bot_id: str, *, has_joined: bool = False
) -> MemberChange:
    person_id, chat = str(person["id"]), holder["chat"]
    is_ours, is_group = person_id == bot_id, chat["type"] in _GROUPS
    return MemberChange(
        str(chat["id"]),
        "" if is_ours else person_id,
        has_joined=has_joined and is_group and not is_ours and not person.get("is_bot"),
        language=clean_line(person.get("language_code") or ""),
    )


def _is_inside(member: Mapping[str, Any]) -> bool:
    """Return whether a raw ChatMember is in the chat; a restricted one may be or not."""
    return member["status"] in _INSIDE or bool(member.get("is_member"))
