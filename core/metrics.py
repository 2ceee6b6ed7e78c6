"""Prometheus metrics. Labels are bounded: never an id, never text."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass

from prometheus_client import Counter, Gauge, Histogram

MESSAGES = Counter("hearsay_messages", "Messages received", ["platform", "result"])
JOBS = Counter("hearsay_jobs", "Jobs finished", ["command", "state"])
JOB_SECONDS = Histogram("hearsay_job_seconds", "Seconds from a message to the end of its job")
ENGINE_CALLS = Counter("hearsay_engine_calls", "Calls to engines", ["engine", "result"])
ENGINE_AUDIO_SECONDS = Counter(
    "hearsay_engine_audio_seconds", "Seconds of audio sent to engines", ["engine"]
)
SENDS = Counter("hearsay_sends", "Calls that send or edit", ["platform", "result"])
AMBIGUOUS_SENDS = Counter(
    "hearsay_ambiguous_sends", "Messages sent whose response was lost", ["platform"]
)
POLL_AGE = Gauge("hearsay_poll_age_seconds", "Seconds since the last successful getUpdates")


@dataclass(slots=True)
class Meter:
    """Seconds of audio that engines were paid for: stored results cost nothing."""

    audio_s: float = 0.0


#: That of the request under way; calls of nobody in particular count on one that is not read.
METER: ContextVar[Meter] = ContextVar("METER", default=Meter())  # noqa: B039
