"""Records of the local Telegram: users, files, messages, chats, callback queries."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from tests.emulators.telegram.entities import Entity

ChatKind = Literal["private", "group", "supergroup", "channel"]
Button = dict[str, Any]


@dataclass(slots=True)
class User:
    """A user or a bot."""

    user_id: int
    name: str = "Somebody"
    username: str = ""
    language: str = "en"
    is_bot: bool = False
    #: Voice messages are forbidden by a Premium privacy setting.
    is_voice_forbidden: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return the Bot API's User object."""
        user = {"id": self.user_id, "is_bot": self.is_bot, "first_name": self.name}
        if self.username:
            user["username"] = self.username
        if not self.is_bot:
            user["language_code"] = self.language
        return user


@dataclass(slots=True)
class StoredFile:
    """A file on Telegram's servers. Its metadata need not be true."""

    file_id: str
    file_unique_id: str
    kind: str
    data: bytes
    name: str = ""
    mime: str = ""
    duration_s: int = 0
    #: Value of `file_size`; None omits it.
    claimed_bytes: int | None = None
    #: The current `file_path`.
    path: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the Bot API's Voice, Audio, VideoNote, Video or Document object."""
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
    """A message in its current state."""

    chat_id: int
    message_id: int
    sender_id: int
    date: int
    #: Text, or the caption of a file.
    text: str = ""
    entities: list[Entity] = field(default_factory=list)
    buttons: list[list[Button]] = field(default_factory=list)
    file: StoredFile | None = None
    #: The message it replies to.
    reply_to: int | None = None
    #: The forum topic; None in the General topic and outside forums.
    thread_id: int | None = None
    edit_date: int | None = None
    is_deleted: bool = False
    #: Every text it has had, oldest first.
    versions: list[str] = field(default_factory=list)
    #: User id -> emojis.
    reactions: dict[int, list[str]] = field(default_factory=dict)
    #: Further fields of the Bot API's Message: forwards, service messages, albums.
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def labels(self) -> list[str]:
        """The texts of the message's buttons."""
        return [button["text"] for row in self.buttons for button in row]


@dataclass(slots=True)
class Member:
    """A chat member."""

    #: creator, administrator, member, restricted, left or kicked.
    status: str = "member"
    #: A restricted one that has left: the restrictions stay.
    is_gone: bool = False


@dataclass(slots=True)
class Topic:
    """A forum topic."""

    name: str
    is_closed: bool = False


@dataclass(slots=True)
class Chat:
    """A chat with its members, messages and restrictions."""

    chat_id: int
    kind: ChatKind
    title: str = ""
    is_forum: bool = False
    members: dict[int, Member] = field(default_factory=dict)
    messages: dict[int, Message] = field(default_factory=dict)
    topics: dict[int, Topic] = field(default_factory=dict)
    last_message_id: int = 0
    migrated_to: int | None = None
    #: Sending fails with CHAT_WRITE_FORBIDDEN.
    is_write_forbidden: bool = False
    has_reactions: bool = True
    is_blocked: bool = False
    #: Texts of the message drafts of a private chat, by draft id.
    drafts: dict[int, list[str]] = field(default_factory=dict)
    #: Chat actions, in order.
    actions: list[str] = field(default_factory=list)

    @property
    def is_private(self) -> bool:
        """Whether this is a user's private chat with the bot."""
        return self.kind == "private"


@dataclass(slots=True)
class CallbackQuery:
    """A press of a callback button, and the bot's answer."""

    query_id: str
    user_id: int
    chat_id: int
    message_id: int
    expires_at: float
    answer: str | None = None
