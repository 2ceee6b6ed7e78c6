"""The plain values that cross layers.

Frozen, made of standard types only, so that each can be kept as JSON and read back unchanged.
Ids are `str` on every platform; moments are aware UTC and end in `_at`; units end the name.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
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
class Quoted:
    """The message that a message answers."""

    message_id: str
    text: str = ""
    attachment: Attachment | None = None


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
    #: The token of a pressed button; `Assistant.accept` turns it into command and text.
    button: str = ""
    attachment: Attachment | None = None
    reply_to: Quoted | None = None


@dataclass(frozen=True, slots=True)
class Button:
    """An offer under a reply: pressing it is a message with this command and text."""

    label: str
    command: str
    text: str = ""
    #: What the platform carries: opaque, bound to the chat. Given when the reply is saved.
    token: str = ""


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


@dataclass(frozen=True, slots=True)
class SpeechSettings:
    """How a chat or a person wants texts to be spoken; empty = not chosen here."""

    #: A preset voice of the engine, or "kept:" and the id of a kept voice.
    voice: str = ""
    #: Styles and direction as they were typed.
    style: str = ""


@dataclass(frozen=True, slots=True)
class Expectation:
    """What the next recording in a private chat is meant for."""

    #: The command that takes it.
    command: str
    #: What is to be said, and the words of it that must be heard.
    text: str
    code: str
    until_at: datetime


class RepliesMode(StrEnum):
    """When answers are spoken as well."""

    OFF = "off"
    #: Voice in, voice out.
    AUTO = "auto"
    ALWAYS = "always"


@dataclass(frozen=True, slots=True)
class ChatSettings:
    """What a chat has chosen."""

    #: Language spoken in the chat (BCP 47), None = detect.
    language: str | None = None
    #: Every voice note is transcribed without being asked.
    is_auto: bool = False
    speech: SpeechSettings = SpeechSettings()
    replies: RepliesMode = RepliesMode.OFF
    expects: Expectation | None = None


class JobState(StrEnum):
    """Where a job is. Each ends as done, refused, dead or cancelled."""

    #: To be run at `run_at`, for the first time or again.
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    #: The person was told why it cannot be done.
    REFUSED = "refused"
    #: A dead letter: given up, told to the person, waits for the operator.
    DEAD = "dead"
    #: Nobody is there to answer: the chat is gone or the message was taken back.
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Job:
    """The work that one message asks for."""

    #: Ten hexadecimal digits: also the reference that people are shown.
    job_id: str
    message: Message
    command: str
    state: JobState
    attempts: int
    created_at: datetime
    run_at: datetime
    #: What the chat had chosen when the job was taken up.
    settings: ChatSettings = ChatSettings()
    #: Class of the last error and, for the operator, what it said; never chat content.
    error: str = ""
    #: True once the person was told that this takes longer (asked once per job).
    is_told: bool = False
    #: Saved before anything is sent, with the state the job ends in once it was delivered.
    reply: Reply | None = None
    outcome: JobState = JobState.DONE


#: The part of a reply that shows the text so far; the first final part takes its place.
PLACEHOLDER = -1


class DeliveryState(StrEnum):
    """What is known of one part of a reply."""

    #: The call was or may have been made; its answer is not known.
    PENDING = "pending"
    SENT = "sent"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One part of a reply on its way out: 0, 1, … or PLACEHOLDER."""

    part: int
    state: DeliveryState
    #: The platform's id of what was sent, empty while unknown.
    platform_id: str = ""


@dataclass(frozen=True, slots=True)
class Audio:
    """Sound that is ready for an engine."""

    __pydantic_config__: ClassVar[dict[str, str]] = {
        "ser_json_bytes": "base64",
        "val_json_bytes": "base64",
    }

    data: bytes
    mime: str
    duration_s: float


@dataclass(frozen=True, slots=True)
class Segment:
    """Words and when they were said, in seconds from the start of the recording."""

    start_s: float
    end_s: float
    text: str


@dataclass(frozen=True, slots=True)
class Usage:
    """What one call to an engine cost, as the engine counts it."""

    engine: str
    model: str
    audio_s: float = 0.0
    prompt_tokens: int = 0
    completion_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was said, whole or for one piece."""

    text: str
    segments: tuple[Segment, ...] = ()
    #: Length of the sound that was heard.
    duration_s: float = 0.0
    #: True when the engine stopped before the end (finish_reason "length").
    is_cut: bool = False
    #: True when the machine itself heard it: the gist, not the letter.
    is_rough: bool = False
    usage: Usage | None = None


@dataclass(frozen=True, slots=True)
class Voice:
    """A preset voice of an engine."""

    #: What the engine calls it; case matters.
    voice_id: str
    name: str
    #: The language it speaks best (BCP 47).
    language: str
    gender: Literal["female", "male", ""] = ""


@dataclass(frozen=True, slots=True)
class Utterance:
    """One text to be spoken, and how. Exactly one of voice, description and sample is used."""

    #: Speakable text; may hold audio tags such as "[cough]" where the engine performs them.
    text: str
    #: A preset voice, None = the engine's own choice.
    voice: str | None = None
    #: Styles of the whole, such as "Happy" or "唱歌", in order.
    styles: tuple[str, ...] = ()
    #: Direction in words: "warm, tired, slow".
    direction: str = ""
    #: A voice in words, made anew for each call.
    description: str = ""
    #: A recording of the voice to speak with, WAV or MP3.
    sample: Audio | None = None


@dataclass(frozen=True, slots=True)
class KeptVoice:
    """A voice that was designed for a chat, or that a person made of their own."""

    voice_id: str
    name: str
    #: What the engine speaks with.
    sample: Audio
    #: True for a person's own voice: nobody else may use it.
    is_clone: bool = False
    #: When the consent was spoken, None for a designed voice.
    consented_at: datetime | None = None
