"""What the operator sees of the program's work. None of it holds anything that was said."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from statistics import median

from core.models.jobs import JobState, PartDelivery


@dataclass(frozen=True, slots=True)
class QueueState:
    """The work that is not done yet."""

    #: Jobs that could run now.
    due: int = 0
    #: Jobs that wait for their moment: to be tried again, mostly.
    later: int = 0
    running: int = 0
    dead: int = 0
    #: When the message of the oldest job that is due or running came, None if there is none.
    oldest_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """What came of asking a model whether it lives."""

    #: "hears", "understands" or "speaks".
    role: str
    engine: str
    #: The one that was chosen in the end.
    model: str
    checked_at: datetime
    #: Class of what went wrong, empty if the model answered.
    error: str = ""


@dataclass(frozen=True, slots=True)
class JobSummary:
    """One job and how far it has come, without what it is about."""

    job_id: str
    command: str
    platform: str
    chat_id: str
    state: JobState
    #: Tries that failed by themselves, the present one included.
    attempts: int
    #: Tries that ended with the process.
    crashes: int
    received_at: datetime
    run_at: datetime
    finished_at: datetime | None
    #: Class of the last error and, for the operator, what it said.
    error: str
    is_told: bool
    #: True where the sound that came with it is still kept here.
    has_sound: bool
    #: True once its reply is saved; it then ends as `outcome`.
    has_reply: bool
    outcome: JobState


@dataclass(frozen=True, slots=True)
class JobDetails:
    """The steps of a job whose results are kept, so that no later try pays for them again."""

    summary: JobSummary
    #: True where the transcript that the reply rests on is kept, and the pieces it was made of.
    has_transcript: bool
    pieces: int
    deliveries: tuple[PartDelivery, ...]


@dataclass(frozen=True, slots=True)
class HourStatistics:
    """The jobs that ended within one hour."""

    start_at: datetime
    #: How many ended in each state.
    ended: Mapping[JobState, int]
    #: From the message to the end of its job, of those that were answered, the shortest first.
    waits_s: Sequence[float] = ()


@dataclass(frozen=True, slots=True)
class WaitTimes:
    """How long people waited: the time within which half and 95 of 100 were answered."""

    count: int
    median_s: float | None = None
    p95_s: float | None = None


def measure_wait_times(hours: Iterable[HourStatistics]) -> WaitTimes:
    """Return how long people waited in all of these hours."""
    waits_s = sorted(chain.from_iterable(hour.waits_s for hour in hours))
    if not waits_s:
        return WaitTimes(0)
    # The shortest one that 95 of 100 do not exceed.
    last = -(-len(waits_s) * 95 // 100) - 1
    return WaitTimes(len(waits_s), median(waits_s), waits_s[last])


@dataclass(frozen=True, slots=True)
class EngineUsage:
    """What the calls to one model of one engine have cost."""

    engine: str
    model: str
    calls: int
    audio_s: float
    prompt_tokens: int
    completion_tokens: int
