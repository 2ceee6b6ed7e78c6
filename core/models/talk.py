"""What is kept of a group's talk, and what is told of it again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from core.models.audio import Transcript
from core.models.messages import Attachment


@dataclass(frozen=True, slots=True)
class RememberedMessage:
    """One message of a talk, in its newest form."""

    message_id: str
    sent_at: datetime
    sender_id: str
    sender_name: str
    text: str = ""
    thread_id: str | None = None
    #: The message that it answers, empty if none.
    reply_to: str = ""
    attachment: Attachment | None = None
    #: What its recording says, None while nobody has heard it.
    transcript: Transcript | None = None


@dataclass(frozen=True, slots=True)
class TalkRange:
    """Which part of a talk is meant: every limit that is set holds."""

    #: From this moment on.
    since_at: datetime | None = None
    #: Up to this moment.
    until_at: datetime | None = None
    #: At most so many, the newest.
    count: int | None = None
    #: One topic alone; "" = what is in no topic, None = all.
    thread_id: str | None = None
    #: From this message on.
    from_id: str = ""
