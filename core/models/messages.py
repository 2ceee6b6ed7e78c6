"""Messages from people, and replies to them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import ClassVar, Literal

#: Chat ids of people who use the app where the bot is no member: this prefix and their id.
PERSON_PREFIX = "user:"
#: The platform of chats on the page, and the id of its bot.
PAGE, PAGE_BOT = "web", "local"


@dataclass(frozen=True, slots=True)
class Chat:
    """One chat of one bot: the scope of every query."""

    platform: str
    bot_id: str
    chat_id: str

    @property
    def is_reachable(self) -> bool:
        """Whether messages can be sent there, not only replies while an interaction lasts."""
        return not self.chat_id.startswith(PERSON_PREFIX)


class Membership(StrEnum):
    """What a person is in a chat."""

    OWNER = "owner"
    ADMIN = "admin"
    MEMBER = "member"
    #: Was never in it, has left, was banned, or cannot see it.
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Attachment:
    """A recording that the platform stores. Untrusted: every field is the sender's claim."""

    #: What the platform needs to download it.
    file_id: str
    kind: Literal["voice", "audio", "video_note", "video", "document"] = "voice"
    name: str = ""
    mime: str = ""
    size_bytes: int | None = None
    duration_s: float | None = None


class Authored:
    """What one person has sent, and another one may have written or said."""

    __slots__ = ()
    sender_id: str
    #: Id of the original author, empty if it was not forwarded or the platform withholds it.
    origin_id: str
    is_forwarded: bool

    @property
    def author_ids(self) -> frozenset[str]:
        """The ids of whoever sent it and of whoever wrote or said what is in it."""
        return frozenset({self.sender_id, self.origin_id} - {""})

    @property
    def speaker_id(self) -> str:
        """The id of whoever wrote or said what is in it, empty if that is not known."""
        return self.origin_id or ("" if self.is_forwarded else self.sender_id)


@dataclass(frozen=True, slots=True)
class QuotedMessage(Authored):
    """The message that a message replies to."""

    message_id: str
    text: str = ""
    attachment: Attachment | None = None
    sender_id: str = ""
    #: If it is a reply of ours: its job and command, filled in when the message is accepted.
    job_id: str = ""
    command: str = ""
    #: As that of a `Message`.
    origin_id: str = ""
    is_forwarded: bool = False


@dataclass(frozen=True, slots=True)
class Message(Authored):
    """A message that a person sent, or a button that a person pressed."""

    chat: Chat
    #: Unique in its chat; a press of a button has its own id.
    message_id: str
    sent_at: datetime
    sender_id: str = ""
    sender_name: str = ""
    #: The forum topic or thread, None if the chat has none.
    thread_id: str | None = None
    #: Empty for the original, else unique for this edit.
    edit_id: str = ""
    is_private: bool = True
    #: The language of the sender's app (BCP 47), empty if unknown.
    language: str = ""
    #: Text or caption, without the command.
    text: str = ""
    #: The command's name without "/", empty if there is none.
    command: str = ""
    #: The token of a pressed button, which then sets `command` and `text`; or of a submitted form,
    #: which sets `command` and `reply_to`.
    button: str = ""
    attachment: Attachment | None = None
    #: It carries a file that is no recording, such as a picture.
    has_other_file: bool = False
    reply_to: QuotedMessage | None = None
    #: Name of the original author, empty if it was not forwarded.
    forwarded_from: str = ""
    #: Id of the original author, empty if it was not forwarded or the platform withholds it.
    origin_id: str = ""
    #: What the platform needs to reply, opaque to others; empty where ids are enough.
    reply_token: str = ""
    #: The platform has checked itself that the sender may use this command, as Discord does for
    #: those that servers grant to roles and members.
    is_granted: bool = False
    #: The server that the chat belongs to, empty where chats belong to none.
    server_id: str = ""
    #: The channel that a private thread belongs to, which is a chat of its own; else empty.
    parent_id: str = ""
    #: In a message of the program, which names neither sender nor server: whom operators decide
    #: about in this chat, empty if that is the chat itself.
    subject: str = ""
    #: An operator has not decided yet whether this chat may use the bot.
    is_held: bool = False
    #: When the sender joined the server, where the platform says so.
    sender_joined_at: datetime | None = None
    #: The first of somebody to whom nothing but replies can be sent: that to it says who answers.
    is_first: bool = False

    @property
    def is_forwarded(self) -> bool:  # type: ignore[override]
        """Whether somebody else may have written or said what is in it."""
        return self.forwarded_from != ""

    @property
    def is_unasked(self) -> bool:
        """Whether it is a recording in a group with which its sender has asked us for nothing."""
        is_reply = self.reply_to is not None and self.reply_to.command != ""
        return not (self.is_private or self.command or is_reply or self.attachment is None)


#: Length of the id of a job, with which the tokens of its reply's buttons begin.
JOB_ID_CHARS = 10
#: Starts the token of a job's Cancel button, which is never stored; the job's id follows.
CANCEL_TOKEN = "_cancel_job_"
#: The command of a forward whose author has opted out: it has lost all else.
WITHHELD = "withheld"
#: Starts the token of a form; the id of the message that opened it follows.
FORM_TOKEN = "_form_"


@dataclass(frozen=True, slots=True)
class Button:
    """A button under a reply: pressing it sends a message with this command and text."""

    label: str
    command: str
    text: str = ""
    #: What the platform stores: opaque, bound to the chat, set when the reply is saved. It begins
    #: with the id of the job.
    token: str = ""
    #: True if only the person who asked may press it, in their private chat.
    is_private: bool = False


@dataclass(frozen=True, slots=True)
class File:
    """A file of a reply."""

    #: How `data` is stored in JSON.
    __pydantic_config__: ClassVar[dict[str, str]] = {
        "ser_json_bytes": "base64",
        "val_json_bytes": "base64",
    }

    name: str
    mime: str
    data: bytes
    #: For audio: its length, and its loudness over time (0 to 255, at most 256 points).
    duration_s: float | None = None
    waveform: bytes = b""
    #: The title that players show.
    title: str = ""
    #: Where `data` is stored outside the database, and its size: it is empty until it is loaded.
    object_key: str = ""
    stored_bytes: int = 0

    @property
    def size_bytes(self) -> int:
        """The size of `data`, loaded or not."""
        return len(self.data) or self.stored_bytes


@dataclass(frozen=True, slots=True)
class Link:
    """A part of a reply's text that links to a message."""

    #: Character positions in `Reply.text`, the end excluded.
    start: int
    end: int
    #: A message of the same chat, or of the chat `chat_id` on the same platform.
    message_id: str
    thread_id: str | None = None
    chat_id: str = ""


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a reply's text with a style, for platforms that can show it."""

    #: Character positions in `Reply.text`, the end excluded.
    start: int
    end: int
    #: code: to be copied as it is. time: shown in the reader's own time zone.
    #: corrected: words of a transcript that were put in place of others.
    kind: Literal["bold", "code", "time", "corrected"] = "bold"
    #: For a time: seconds since 1970.
    at_s: int = 0


@dataclass(frozen=True, slots=True)
class RecordingReference(Authored):
    """A recording that a reply is about, so that the next question finds it."""

    message_id: str
    attachment: Attachment
    sender_id: str = ""
    #: The key of its transcript, empty if there is none.
    heard: str = ""
    #: As that of a `Message`.
    origin_id: str = ""
    is_forwarded: bool = False


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply, independent of the platform."""

    #: Plain text, unless it `is_markdown`.
    text: str = ""
    #: Long text such as a transcript, collapsed where the platform can.
    quote: str = ""
    files: tuple[File, ...] = ()
    buttons: tuple[Button, ...] = ()
    #: The text for voice replies and for the button Listen.
    aloud: str = ""
    #: True if the quote comes before the text.
    is_quote_first: bool = False
    #: The only links: URLs in the text are not linked.
    links: tuple[Link, ...] = ()
    spans: tuple[Span, ...] = ()
    #: True if a model wrote the text and may have used Markdown: platforms that know it show it.
    is_markdown: bool = False
    #: The key of the transcript it is based on, which is deleted with it.
    heard_key: str = ""
    #: The recordings that it is about.
    about: tuple[RecordingReference, ...] = ()
    #: Ids of the people whose words it has or sums up: it is deleted with what is theirs.
    people: tuple[str, ...] = ()
    #: Ids of the messages that it has words of or sums up, in the chat whose history it rests on.
    sources: tuple[str, ...] = ()
    #: Parts of the quote, by their positions in it, and the last line of the text, about them.
    marks: tuple[Span, ...] = ()
    note: str = ""

    def begin_with(self, line: str) -> Reply:
        """Return the reply with a line before its text, and its links and spans moved along."""
        text = "\n\n".join(filter(None, (line, self.text)))
        by = len(text) - len(self.text)
        links = (replace(link, start=link.start + by, end=link.end + by) for link in self.links)
        spans = (replace(span, start=span.start + by, end=span.end + by) for span in self.spans)
        return replace(self, text=text, links=tuple(links), spans=tuple(spans))
