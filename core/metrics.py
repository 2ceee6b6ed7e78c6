"""Numbers for the operator, in Prometheus' terms. Labels are bounded: never an id, never text."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

MESSAGES = Counter("hearsay_messages", "Messages taken in", ["platform", "result"])
JOBS = Counter("hearsay_jobs", "Jobs that ended", ["command", "state"])
JOB_SECONDS = Histogram("hearsay_job_seconds", "From the message to the end of its job")
ENGINE_CALLS = Counter("hearsay_engine_calls", "Calls to engines", ["engine", "result"])
ENGINE_AUDIO_SECONDS = Counter("hearsay_engine_audio_seconds", "Sound sent to engines", ["engine"])
SENDS = Counter("hearsay_sends", "Calls that send or edit", ["platform", "result"])
AMBIGUOUS_SENDS = Counter(
    "hearsay_ambiguous_sends", "Messages sent whose answer was lost", ["platform"]
)
POLL_AGE = Gauge("hearsay_poll_age_seconds", "Since the last good getUpdates")
