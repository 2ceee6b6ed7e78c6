"""The virtual Telegram: its people, chats, messages and files, and a clock that can be moved."""

from __future__ import annotations

import itertools
import random
import threading
import time
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.emulators.telegram.entities import Entity
from tests.emulators.telegram.errors import bad_request

#: Every anonymous admin of every group speaks as this user.
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
ChatKind = Literal["private", "group", "supergroup", "channel"]
Button = dict[str, Any]


class Clock:
    """The server's time: moves by itself, and by hand when a test wants it to be tomorrow."""

    def __init__(self) -> None:
        self._ahead_s = 0.0

    def advance(self, seconds: float) -> None:
        """Move the time."""
        self._ahead_s += seconds

    def now(self) -> float:
        """Return Unix time."""
        return time.time() + self._ahead_s

    def monotonic(self) -> float:
        """Return seconds that only grow."""
        return time.monotonic() + self._ahead_s


@dataclass(slots=True)
class User:
    """A person or a bot."""

    user_id: int
    name: str = "Somebody"
    username: str = ""
    language: str = "en"
    is_bot: bool = False
    is_deactivated: bool = False
    #: Voice messages from others are refused: a privacy setting of Premium.
    is_voice_forbidden: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return the Bot API's User."""
        user: dict[str, Any] = {
            "id": self.user_id,
            "is_bot": self.is_bot,
            "first_name": self.name,
        }
        if self.username:
            user["username"] = self.username
        if not self.is_bot:
            user["language_code"] = self.language
        return user


@dataclass(slots=True)
class StoredFile:
    """A file that Telegram holds. What it claims need not be true."""

    file_id: str
    file_unique_id: str
    kind: str
    data: bytes
    name: str = ""
    mime: str = ""
    duration_s: int = 0
    #: What `file_size` says; None leaves it out.
    claimed_bytes: int | None = None
    #: The last link that was handed out.
    path: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the Bot API's Voice, Audio, VideoNote, Video or Document."""
        value: dict[str, Any] = {"file_id": self.file_id, "file_unique_id": self.file_unique_id}
        if self.kind != "document":
            value["duration"] = self.duration_s
        if self.kind == "video_note":
            value["length"] = 240
        if self.kind == "video":
            value |= {"width": 640, "height": 360}
        if self.kind != "video_note" and self.mime:
            value["mime_type"] = self.mime
        if self.kind in ("audio", "video", "document") and self.name:
            value["file_name"] = self.name
        if self.claimed_bytes is not None:
            value["file_size"] = self.claimed_bytes
        return value


@dataclass(slots=True)
class Message:
    """A message as it stands now."""

    chat_id: int
    message_id: int
    sender_id: int
    date: int
    #: Text or, when there is a file, its caption.
    text: str = ""
    entities: list[Entity] = field(default_factory=list)
    buttons: list[list[Button]] = field(default_factory=list)
    file: StoredFile | None = None
    #: The message it answers.
    reply_to: int | None = None
    #: The forum topic, None in General and where there are none.
    thread_id: int | None = None
    edit_date: int | None = None
    is_deleted: bool = False
    #: Every text it has had, the first one first.
    versions: list[str] = field(default_factory=list)
    #: Emojis by who reacted.
    reactions: dict[int, list[str]] = field(default_factory=dict)
    #: Fields of the Bot API that need no meaning here: forwards, services, albums.
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def labels(self) -> list[str]:
        """The texts of its buttons."""
        return [button["text"] for row in self.buttons for button in row]


@dataclass(slots=True)
class Member:
    """What a user is in a chat: creator, administrator, member, restricted, left or kicked."""

    status: str = "member"


@dataclass(slots=True)
class Topic:
    """A topic of a forum."""

    name: str
    is_closed: bool = False


@dataclass(slots=True)
class Chat:
    """A chat, the bot's own standing in it, and what may be done there."""

    chat_id: int
    kind: ChatKind
    title: str = ""
    is_forum: bool = False
    members: dict[int, Member] = field(default_factory=dict)
    messages: dict[int, Message] = field(default_factory=dict)
    topics: dict[int, Topic] = field(default_factory=dict)
    last_message_id: int = 0
    migrated_to: int | None = None
    #: Nobody may write: CHAT_WRITE_FORBIDDEN.
    is_write_forbidden: bool = False
    #: The bot lacks the right to send: "not enough rights".
    is_text_restricted: bool = False
    has_reactions: bool = True
    is_blocked: bool = False
    is_gone: bool = False
    #: Message drafts by id: what a private chat sees while an answer grows.
    drafts: dict[int, list[str]] = field(default_factory=dict)
    #: Chat actions shown, in order.
    actions: list[str] = field(default_factory=list)

    @property
    def is_private(self) -> bool:
        """Whether it is a talk of one person with the bot."""
        return self.kind == "private"


@dataclass(slots=True)
class CallbackQuery:
    """A pressed button that may still be answered."""

    query_id: str
    user_id: int
    chat_id: int
    message_id: int
    expires_at: float
    answer: str | None = None


class World:
    """All of it. Hold `lock` while reading or changing: tests and server are two threads."""

    def __init__(self, token: str, *, is_local: bool = False) -> None:
        bot_id = int(token.partition(":")[0])
        self.lock = threading.RLock()
        self.clock = Clock()
        self.token = token
        self.is_local = is_local
        #: Whether groups show the bot only what is meant for it.
        self.is_privacy_on = False
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
        """Return a number never given before."""
        return next(self._numbers)

    def find_chat(self, chat_id: int) -> Chat:
        """Return the chat. Raises ApiError when there is none."""
        chat = self.chats.get(chat_id)
        if chat is None:
            raise bad_request("chat not found")
        return chat

    def keep_file(self, kind: str, data: bytes, **claims: Any) -> StoredFile:
        """Store a file and return it; claims are fields of StoredFile."""
        number = self.number()
        claims.setdefault("claimed_bytes", len(data))
        file = StoredFile(f"AwACAgIAAxkBAAM{number:06d}", f"AgAD{number:06d}", kind, data, **claims)
        self.files[file.file_id] = file
        return file

    def add_message(self, chat: Chat, sender_id: int, text: str = "", **fields: Any) -> Message:
        """Put a new message into a chat; fields are those of Message."""
        chat.last_message_id += 1
        date = int(self.clock.now())
        message = Message(chat.chat_id, chat.last_message_id, sender_id, date, text, **fields)
        message.versions.append(text)
        chat.messages[message.message_id] = message
        return message

    def member_json(self, chat: Chat, user_id: int, status: str = "") -> dict[str, Any]:
        """Return the Bot API's ChatMember; status: another one than what it is now."""
        member = chat.members.get(user_id)
        status = status or (member.status if member else "left")
        value: dict[str, Any] = {"user": self.users[user_id].to_json(), "status": status}
        if status in ("creator", "administrator"):
            value["is_anonymous"] = False
        if status == "administrator":
            value |= dict.fromkeys(_ADMIN_RIGHTS.split(), True)
        if status == "restricted":
            value |= {"is_member": True} | dict.fromkeys(_MEMBER_RIGHTS.split(), False)
        if status in ("restricted", "kicked"):
            value["until_date"] = 0
        return value

    def chat_json(self, chat: Chat) -> dict[str, Any]:
        """Return the Bot API's Chat."""
        value: dict[str, Any] = {"id": chat.chat_id, "type": chat.kind}
        if chat.is_private:
            value["first_name"] = self.users[chat.chat_id].name
        else:
            value["title"] = chat.title
        if chat.is_forum:
            value["is_forum"] = True
        return value

    def message_json(self, message: Message, *, has_reply: bool = True) -> dict[str, Any]:
        """Return the Bot API's Message."""
        chat = self.chats[message.chat_id]
        value: dict[str, Any] = {
            "message_id": message.message_id,
            "date": message.date,
            "chat": self.chat_json(chat),
        }
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
