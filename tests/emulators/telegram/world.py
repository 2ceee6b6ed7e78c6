"""State of the local Telegram: users, chats, messages, files, and an adjustable clock."""

from __future__ import annotations

import itertools
import random
import threading
from typing import Any

from tests.emulators.telegram.errors import bad_request
from tests.emulators.telegram.records import CallbackQuery, Chat, Message, StoredFile, User
from tests.support.virtual_time import current_clock

#: The user that anonymous administrators of all groups send as.
ANONYMOUS_ADMIN = 1087968824
_ADMIN_RIGHTS = """
can_be_edited can_manage_chat can_delete_messages can_manage_video_chats can_restrict_members
can_promote_members can_change_info can_invite_users can_post_stories can_edit_stories
can_delete_stories
"""
_MEMBER_RIGHTS = """
can_change_info can_invite_users can_pin_messages can_send_messages can_send_polls
can_send_other_messages can_add_web_page_previews can_manage_topics can_send_audios
can_send_documents can_send_photos can_send_videos can_send_video_notes can_send_voice_notes
can_edit_tag can_react_to_messages
"""


class Clock:
    """The server's clock, which a test can advance."""

    def __init__(self) -> None:
        self._source = current_clock()
        self._ahead_s = 0.0

    def advance(self, seconds: float) -> None:
        """Advance the clock."""
        self._ahead_s += seconds

    def now(self) -> float:
        """Return Unix time."""
        return self._source.now().timestamp() + self._ahead_s

    def monotonic(self) -> float:
        """Return monotonic seconds."""
        return self._source.monotonic() + self._ahead_s


class World:
    """All state. Hold `lock` while using it: test and server run in two threads."""

    def __init__(self, token: str, *, is_local: bool = False) -> None:
        bot_id = int(token.partition(":")[0])
        self.lock = threading.RLock()
        self.clock = Clock()
        self.token = token
        self.is_local = is_local
        #: Whether the bot has privacy mode enabled.
        self.is_privacy_on = False
        #: Whether the bot may be added to groups.
        self.can_join_groups = True
        self.bot = User(bot_id, "Hearsay", "hearsay_test_bot", is_bot=True)
        self.users: dict[int, User] = {
            bot_id: self.bot,
            ANONYMOUS_ADMIN: User(ANONYMOUS_ADMIN, "Group", "GroupAnonymousBot", is_bot=True),
        }
        self.chats: dict[int, Chat] = {}
        self.files: dict[str, StoredFile] = {}
        self.callbacks: dict[str, CallbackQuery] = {}
        self.random = random.Random(7)
        self._numbers = itertools.count(1)

    def number(self) -> int:
        """Return a new unique number."""
        return next(self._numbers)

    def find_chat(self, chat_id: int) -> Chat:
        """Return a chat. Raises ApiError if there is none."""
        chat = self.chats.get(chat_id)
        if chat is None:
            raise bad_request("chat not found")
        return chat

    def keep_file(self, kind: str, data: bytes, **claims: Any) -> StoredFile:
        """Store a file and return it; claims: fields of StoredFile."""
        number = self.number()
        claims.setdefault("claimed_bytes", len(data))
        file = StoredFile(f"AwACAgIAAxkBAAM{number:06d}", f"AgAD{number:06d}", kind, data, **claims)
        self.files[file.file_id] = file
        return file

    def add_message(self, chat: Chat, sender_id: int, text: str = "", **fields: Any) -> Message:
        """Add a message to a chat; fields: those of Message."""
        chat.last_message_id += 1
        date = int(self.clock.now())
        message = Message(chat.chat_id, chat.last_message_id, sender_id, date, text, **fields)
        message.versions.append(text)
        chat.messages[message.message_id] = message
        return message

    def member_json(self, chat: Chat, user_id: int, status: str = "") -> dict[str, Any]:
        """Return the Bot API's ChatMember object. status: instead of the current one."""
        member = chat.members.get(user_id)
        status = status or (member.status if member else "left")
        value: dict[str, Any] = {"user": self.users[user_id].to_json(), "status": status}
        if status in ("creator", "administrator"):
            value["is_anonymous"] = False
        if status == "administrator":
            value |= dict.fromkeys(_ADMIN_RIGHTS.split(), True)
        if status == "restricted":
            value |= {"is_member": not (member and member.is_gone)} | dict.fromkeys(
                _MEMBER_RIGHTS.split(), False
            )
        if status in ("restricted", "kicked"):
            value["until_date"] = 0
        return value

    def chat_json(self, chat: Chat) -> dict[str, Any]:
        """Return the Bot API's Chat object."""
        value: dict[str, Any] = {"id": chat.chat_id, "type": chat.kind}
        if chat.is_private:
            value["first_name"] = self.users[chat.chat_id].name
        else:
            value["title"] = chat.title
        if chat.is_forum:
            value["is_forum"] = True
        return value

    def message_json(self, message: Message, *, has_reply: bool = True) -> dict[str, Any]:
        """Return the Bot API's Message object."""
        chat = self.chats[message.chat_id]
        value: dict[str, Any] = {"message_id": message.message_id, "date": message.date}
        value["chat"] = self.chat_json(chat)
        if message.sender_id:
            value["from"] = self.users[message.sender_id].to_json()
        self._add_content(value, message)
        if message.edit_date is not None:
            value["edit_date"] = message.edit_date
        if message.thread_id is not None:
            value |= {"message_thread_id": message.thread_id, "is_topic_message": True}
        if message.buttons:
            value["reply_markup"] = {"inline_keyboard": message.buttons}
        if has_reply and message.reply_to is not None:
            quoted = chat.messages.get(message.reply_to)
            if quoted is not None and not quoted.is_deleted:
                value["reply_to_message"] = self.message_json(quoted, has_reply=False)
        return value | message.extra

    def _add_content(self, value: dict[str, Any], message: Message) -> None:
        prefix = ""
        if message.file is not None:
            value[message.file.kind] = message.file.to_json()
            prefix = "caption_"
        if message.text:
            value["caption" if prefix else "text"] = message.text
        if message.entities:
            value[f"{prefix}entities"] = message.entities
