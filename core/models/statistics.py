"""Statistics for the operator. None of them has chat content."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from statistics import median

from core.models.jobs import JobState, PartDelivery


@dataclass(frozen=True, slots=True)
class QueueState:
    """The number of open jobs and dead letters."""

    #: Jobs that can run now.
    due: int = 0
    #: Jobs that wait for `run_at`, mostly for another attempt.
    later: int = 0
    running: int = 0
    dead: int = 0
    #: When the oldest due or running job was received, None if there is none.
    oldest_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """The result of a model probe."""

    #: "hears", "understands" or "speaks".
    role: str
    engine: str
    #: The model that was used in the end.
    model: str
    checked_at: datetime
    #: Class of the error, empty if the model answered.
    error: str = ""


@dataclass(frozen=True, slots=True)
class JobSummary:
    """One job without its content."""

    job_id: str
    command: str
    platform: str
    chat_id: str
    state: JobState
    #: Attempts, the current one included.
    attempts: int
    #: Attempts during which the process ended.
    crashes: int
    received_at: datetime
    run_at: datetime
    finished_at: datetime | None
    #: Class of the last error and its text.
    error: str
    is_told: bool
    #: True if an uploaded recording is still stored.
    has_sound: bool
    #: True once its reply is saved; the job then ends as `outcome`.
    has_reply: bool
    outcome: JobState


@dataclass(frozen=True, slots=True)
class JobDetails:
    """One job with its saved results, which further attempts do not pay for again."""

    summary: JobSummary
    #: Whether the transcript of the reply is stored, and how many of its pieces are.
    has_transcript: bool
    pieces: int
    deliveries: tuple[PartDelivery, ...]


@dataclass(frozen=True, slots=True)
class HourStatistics:
    """The jobs that ended within one hour."""

    start_at: datetime
    #: How many ended in each state.
    ended: Mapping[JobState, int]
    #: Seconds from the message to the end of its job, of answered ones, the shortest first.
    waits_s: Sequence[float] = ()


@dataclass(frozen=True, slots=True)
class WaitTimes:
    """How long people waited for a reply: median and 95th percentile."""

    count: int
    median_s: float | None = None
    p95_s: float | None = None


def measure_wait_times(hours: Iterable[HourStatistics]) -> WaitTimes:
    """Return the wait times over all of these hours."""
    waits_s = sorted(chain.from_iterable(hour.waits_s for hour in hours))
    if not waits_s:
        return WaitTimes(0)
    # The nearest-rank percentile.
    last = -(-len(waits_s) * 95 // 100) - 1
    return WaitTimes(len(waits_s), median(waits_s), waits_s[last])


@dataclass(frozen=True, slots=True)
class EngineUsage:
    """The usage of one model of one engine."""

    engine: str
    model: str
    calls: int
    audio_s: float
    prompt_tokens: int
    completion_tokens: int
    #: Parts of the two above: see `Usage`.
    audio_tokens: int
    cached_tokens: int
    reasoning_tokens: int
