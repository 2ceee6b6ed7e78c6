"""Remembered talk, and ranges of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from core.models.audio import Transcript
from core.models.messages import Attachment, Authored


@dataclass(frozen=True, slots=True)
class RememberedMessage(Authored):
    """One remembered message, as last edited."""

    message_id: str
    sent_at: datetime
    sender_id: str
    sender_name: str
    text: str = ""
    thread_id: str | None = None
    #: The message that it replies to, empty if none.
    reply_to: str = ""
    attachment: Attachment | None = None
    #: The transcript of its recording, None if there is none yet.
    transcript: Transcript | None = None
    #: Id of the original author, empty if it was not forwarded or the platform withholds it.
    origin_id: str = ""
    is_forwarded: bool = False


@dataclass(frozen=True, slots=True)
class TalkRange:
    """A range of a talk: every limit that is set applies."""

    #: From this moment on.
    since_at: datetime | None = None
    #: Up to this moment.
    until_at: datetime | None = None
    #: At most this many messages, the newest.
    count: int | None = None
    #: One topic; "" = messages in no topic, None = all.
    thread_id: str | None = None
    #: From this message on.
    from_id: str = ""
