"""Prometheus metrics. Labels are bounded: never an id, never text."""

from __future__ import annotations

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
POLL_AGE = Gauge(
    "hearsay_poll_age_seconds",
    "Seconds since Telegram last answered getUpdates or confirmed the webhook",
)
