"""What chats and people have chosen."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class SpeechSettings:
    """How a chat or a person wants texts to be spoken; empty = not chosen here."""

    #: A preset voice of the engine, or "kept:" and the id of a kept voice.
    voice: str = ""
    #: Styles and direction as they were typed.
    style: str = ""


@dataclass(frozen=True, slots=True)
class ExpectedRecording:
    """What the next recording in a private chat is meant for."""

    #: The command that takes it.
    command: str
    #: What is to be said, and the words of it that must be heard.
    text: str
    code: str
    until_at: datetime


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What may be put into a field that a person is filling in."""

    value: str
    #: What people read, empty = the value.
    label: str = ""


class RepliesMode(StrEnum):
    """When answers are spoken as well."""

    OFF = "off"
    #: Voice in, voice out.
    AUTO = "auto"
    ALWAYS = "always"


class NoteMode(StrEnum):
    """What a voice note in a private chat asks for."""

    TRANSCRIBE = "transcribe"
    #: The note is a question.
    ASK = "ask"
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class Correction:
    """A word or phrase that is heard wrongly, and what is meant."""

    heard: str
    meant: str


@dataclass(frozen=True, slots=True)
class TalkSettings:
    """What a chat has chosen of what is understood and remembered."""

    notes: NoteMode = NoteMode.TRANSCRIBE
    #: True where the engine may think before it answers.
    is_thinking: bool = False
    #: How long the chat's talk is kept, None = not at all.
    remember_days: int | None = None
    #: Applied to transcripts when they are shown, the newest last.
    glossary: tuple[Correction, ...] = ()


@dataclass(frozen=True, slots=True)
class ChatSettings:
    """What a chat has chosen."""

    #: Language spoken in the chat (BCP 47), None = detect.
    language: str | None = None
    #: Every voice note is transcribed without being asked.
    is_auto: bool = False
    speech: SpeechSettings = SpeechSettings()
    replies: RepliesMode = RepliesMode.OFF
    expects: ExpectedRecording | None = None
    talk: TalkSettings = TalkSettings()
