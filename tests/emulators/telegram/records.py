"""What the virtual Telegram is made of: users, files, messages, chats, pressed buttons."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from tests.emulators.telegram.entities import Entity

ChatKind = Literal["private", "group", "supergroup", "channel"]
Button = dict[str, Any]


@dataclass(slots=True)
class User:
    """A person or a bot."""

    user_id: int
    name: str = "Somebody"
    username: str = ""
    language: str = "en"
    is_bot: bool = False
    #: Voice messages from others are refused: a privacy setting of Premium.
    is_voice_forbidden: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return the Bot API's User."""
        user = {"id": self.user_id, "is_bot": self.is_bot, "first_name": self.name}
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
    has_reactions: bool = True
    is_blocked: bool = False
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
