"""Settings of chats and of people."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class SpeechSettings:
    """Voice and style of a chat or a person, and a person's language; empty = not set here."""

    #: A preset voice of the engine, or "kept:" and the id of a saved voice.
    voice: str = ""
    #: Styles and direction as the person typed them.
    style: str = ""
    #: What a person speaks and reads (BCP 47). A chat has a setting of its own for that.
    language: str = ""
    #: When the person tried to clone their voice within the last hour, for the limit on it.
    clone_tries: tuple[datetime, ...] = ()
    #: Id of whoever typed the style of a chat, empty if that is not known.
    style_by: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class ExpectedRecording:
    """The purpose of the next recording in a private chat, and who is to make it when."""

    #: The command that gets it.
    command: str
    #: The sentence to say, and the words of it that the transcript must contain.
    text: str
    code: str
    until_at: datetime
    #: Recordings that were sent before do not count; None: none counts.
    since_at: datetime | None = None
    person_id: str = ""
    #: The job whose recording differed from the sentence before this one, and how, in English.
    after_job: str = ""
    difference: str = ""

    def is_for(self, person_id: str, sent_at: datetime) -> bool:
        """Return True if a recording of a person was sent in time to be the expected one."""
        is_in_time = self.since_at is not None and self.since_at <= sent_at < self.until_at
        return is_in_time and person_id == self.person_id


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A suggestion for an argument that a person is typing."""

    value: str
    #: The text shown, empty = the value.
    label: str = ""


class RepliesMode(StrEnum):
    """When replies are also spoken."""

    OFF = "off"
    #: Voice replies to voice messages.
    AUTO = "auto"
    ALWAYS = "always"


class NoteMode(StrEnum):
    """What to do with a voice note in a private chat."""

    TRANSCRIBE = "transcribe"
    #: The note is a question.
    ASK = "ask"
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class Correction:
    """A word or phrase that is transcribed wrongly, and the right one."""

    heard: str
    meant: str
    #: Id and name of the person who made it; empty if that was not kept.
    by: str = field(default="", compare=False)
    by_name: str = field(default="", compare=False)
    #: It is for what that person says, else for everybody's recordings.
    is_own: bool = False

    @property
    def scope(self) -> str:
        """The id of the person whose recordings it is for, empty = everybody's."""
        return self.by if self.is_own else ""


@dataclass(frozen=True, slots=True)
class TalkSettings:
    """Settings of a chat about answers and remembered talk."""

    notes: NoteMode = NoteMode.TRANSCRIBE
    #: True if the model may reason before it answers.
    is_thinking: bool = False
    #: How long the chat's talk is remembered, None = not at all.
    remember_days: int | None = None
    #: Since when, None if that is not known: who joined later has not seen the announcement.
    remembered_since_at: datetime | None = None
    #: Applied to transcripts when they are shown, the newest last.
    glossary: tuple[Correction, ...] = ()


@dataclass(frozen=True, slots=True)
class ChatSettings:
    """The settings of a chat."""

    #: Spoken language (BCP 47), None = detect.
    language: str | None = None
    #: True if every voice note is transcribed unasked.
    is_auto: bool = False
    speech: SpeechSettings = SpeechSettings()
    replies: RepliesMode = RepliesMode.OFF
    expects: ExpectedRecording | None = None
    talk: TalkSettings = TalkSettings()
