"""The work that a message asks for, and how far it has come."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from core.models.messages import Chat, Message, Reply
from core.models.settings import ChatSettings


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
    settings: ChatSettings = field(default_factory=ChatSettings)
    #: Class of the last error and, for the operator, what it said; never chat content.
    error: str = ""
    #: True once the person was told that this takes longer (asked once per job).
    is_told: bool = False
    #: Saved before anything is sent, with the state the job ends in once it was delivered.
    reply: Reply | None = None
    outcome: JobState = JobState.DONE
    #: True where the chat refused voice messages not long ago.
    has_no_voice: bool = False


@dataclass(frozen=True, slots=True)
class Conversation:
    """One of the chats that a person has with us."""

    chat: Chat
    #: What it is known by.
    first: Job
    last_at: datetime


#: The part of a reply that shows the text so far; the first final part takes its place.
PLACEHOLDER = -1


class DeliveryState(StrEnum):
    """What is known of one part of a reply."""

    #: The call was or may have been made; its answer is not known.
    PENDING = "pending"
    SENT = "sent"
    #: Sent, but the answer has changed since: to be edited.
    STALE = "stale"


@dataclass(frozen=True, slots=True)
class PartDelivery:
    """One part of a reply on its way out: 0, 1, … or PLACEHOLDER."""

    part: int
    state: DeliveryState
    #: The platform's id of what was sent, empty while unknown.
    platform_id: str = ""
