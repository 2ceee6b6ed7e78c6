"""What people send, and what they are answered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal


@dataclass(frozen=True, slots=True)
class Chat:
    """One chat of one bot: the scope of every query, so that chats never mix."""

    platform: str
    bot_id: str
    chat_id: str


@dataclass(frozen=True, slots=True)
class Attachment:
    """Sound that a platform holds for us. Nothing here is trusted: all of it is a claim."""

    #: What the platform needs to hand out the bytes.
    file_id: str
    kind: Literal["voice", "audio", "video_note", "video", "document"] = "voice"
    name: str = ""
    mime: str = ""
    size_bytes: int | None = None
    duration_s: float | None = None


@dataclass(frozen=True, slots=True)
class QuotedMessage:
    """The message that a message answers."""

    message_id: str
    text: str = ""
    attachment: Attachment | None = None
    sender_id: str = ""
    #: The job whose answer this is, and its command: filled in when the message is taken in.
    job_id: str = ""
    command: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """What a person sent, or a button that a person pressed."""

    chat: Chat
    #: Unique in its chat; a button press has an id of its own.
    message_id: str
    sent_at: datetime
    sender_id: str = ""
    sender_name: str = ""
    #: The forum topic or thread, None where the chat has none.
    thread_id: str | None = None
    #: Empty for the original, else what tells this edit from others.
    edit_id: str = ""
    is_private: bool = True
    #: The language of the sender's app (BCP 47), empty when unknown.
    language: str = ""
    #: Text or caption, without the command.
    text: str = ""
    #: The command's name as typed, without "/", empty if there is none.
    command: str = ""
    #: The token of a pressed button; with it come the button's command and text, never typed ones.
    button: str = ""
    attachment: Attachment | None = None
    reply_to: QuotedMessage | None = None
    #: Who wrote it first, where it was forwarded; empty if it was not.
    forwarded_from: str = ""
    #: What the platform needs to answer, opaque to all others; empty where ids are enough.
    reply_token: str = ""


@dataclass(frozen=True, slots=True)
class Button:
    """An offer under a reply: pressing it is a message with this command and text."""

    label: str
    command: str
    text: str = ""
    #: What the platform carries: opaque, bound to the chat. Given when the reply is saved.
    token: str = ""
    #: True where the answer comes in the private chat of the person who asked, and of no other.
    is_private: bool = False


@dataclass(frozen=True, slots=True)
class File:
    """A file that goes out with a reply."""

    #: How `data` is written where the value is kept as JSON.
    __pydantic_config__: ClassVar[dict[str, str]] = {
        "ser_json_bytes": "base64",
        "val_json_bytes": "base64",
    }

    name: str
    mime: str
    data: bytes
    #: Of sound: its length, and its loudness over time (0 to 255, at most 256 points).
    duration_s: float | None = None
    waveform: bytes = b""
    #: What players show.
    title: str = ""


@dataclass(frozen=True, slots=True)
class Link:
    """A place in a reply's text that leads to a message."""

    #: Characters of `Reply.text`, the end excluded.
    start: int
    end: int
    #: The chat's own message, or one of the chat `chat_id` on the same platform.
    message_id: str
    thread_id: str | None = None
    chat_id: str = ""


@dataclass(frozen=True, slots=True)
class RecordingReference:
    """A recording that an answer is about, so that the next question finds it."""

    message_id: str
    attachment: Attachment
    sender_id: str = ""
    #: The key of its transcript, empty where nobody has written it down.
    heard: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """What the assistant says, free of any platform's form."""

    #: Plain text, shown as it is: no markup is read from it.
    text: str = ""
    #: Long matter such as a transcript, folded where the platform can.
    quote: str = ""
    files: tuple[File, ...] = ()
    buttons: tuple[Button, ...] = ()
    #: What of it can be said aloud, as well or when a person presses Listen.
    aloud: str = ""
    #: True where the quote stands above the text.
    is_quote_first: bool = False
    #: The only links there are: what a text itself holds is no link.
    links: tuple[Link, ...] = ()
    #: The key of the transcript that it rests on: what is forgotten with it.
    heard_key: str = ""
    #: The recordings that it is about.
    about: tuple[RecordingReference, ...] = ()
