"""Jobs, and the delivery of their replies."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from core.models.messages import Chat, Message, Reply
from core.models.settings import ChatSettings


class JobState(StrEnum):
    """The state of a job. Each ends as done, refused, dead or cancelled."""

    #: Kept until an operator decides whether its chat may use the bot.
    HELD = "held"
    #: Runs at `run_at`, for the first time or again.
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    #: The person was shown why it cannot be done.
    REFUSED = "refused"
    #: A dead letter: given up after the person was told; the operator can run it again.
    DEAD = "dead"
    #: On request, or nobody to reply to: the chat is gone or the message was deleted.
    CANCELLED = "cancelled"


#: The states of a job that has not ended.
OPEN_STATES = (JobState.WAITING, JobState.RUNNING, JobState.HELD)


@dataclass(frozen=True, slots=True)
class Job:
    """The job of one message that wants a reply."""

    #: Ten hexadecimal digits, shown to people as the reference.
    job_id: str
    message: Message
    command: str
    state: JobState
    attempts: int
    created_at: datetime
    run_at: datetime
    #: The settings of the chat when the job was read.
    settings: ChatSettings = field(default_factory=ChatSettings)
    #: Class of the last error and its text, for the operator; never chat content.
    error: str = ""
    #: How often the process has ended while it ran.
    crashes: int = 0
    #: True once the person was shown that this takes longer.
    is_told: bool = False
    #: Saved before anything is sent, with the state of the job once it is delivered.
    reply: Reply | None = None
    outcome: JobState = JobState.DONE
    #: True if the chat refused a voice message recently.
    has_no_voice: bool = False


@dataclass(frozen=True, slots=True)
class ClaimedJobs:
    """The jobs that run next, and what waits beside them."""

    jobs: list[Job]
    has_waiting: bool
    #: When the first job that is not due yet becomes due.
    next_at: datetime | None
    #: Since when all work is paused, None if it is not.
    paused_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Conversation:
    """One of several chats of a person with the bot."""

    chat: Chat
    #: The job that gives the chat its title.
    first: Job
    last_at: datetime


#: The part of a reply that shows partial text; the first final part replaces it.
PLACEHOLDER = -1
#: What the id of a placeholder begins with where it shows partial text.
LIVE = "live/"


class DeliveryState(StrEnum):
    """The state of one part of a reply."""

    #: The call was or may have been made; its result is not known.
    PENDING = "pending"
    SENT = "sent"
    #: Sent, but the reply has changed since: to be edited.
    STALE = "stale"


@dataclass(frozen=True, slots=True)
class PartDelivery:
    """One part of a reply: 0, 1, … or PLACEHOLDER."""

    part: int
    state: DeliveryState
    #: The id of the sent message on the platform, empty while unknown.
    platform_id: str = ""
