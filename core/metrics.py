"""Prometheus metrics; docs/watching.md lists them. Labels are bounded: never an id, never text."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

#: Distinct models that are told apart; names of further ones, which gateways choose, are "other".
MAX_MODELS = 30


class _Models(dict[str, str]):
    """The label of each model: its name, while there are few."""

    def __missing__(self, model: str) -> str:
        if len(self) >= MAX_MODELS:
            return "other"
        return self.setdefault(model, model[:60])


MODELS = _Models()

MESSAGES = Counter("hearsay_messages", "Messages received", ["platform", "result"])
DUPLICATES = Counter(
    "hearsay_duplicate_messages", "Messages that were received again, and known", ["platform"]
)
JOBS = Counter("hearsay_jobs", "Jobs finished", ["command", "state"])
JOB_SECONDS = Histogram(
    "hearsay_job_seconds",
    "Seconds from a message to the end of its job",
    buckets=(0.5, 1, 2, 3, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600),
)
OPEN_JOBS = Gauge("hearsay_open_jobs", "Jobs in the database that have not ended", ["state"])
OLDEST_JOB_SECONDS = Gauge(
    "hearsay_oldest_job_seconds", "Seconds since the oldest job came that waits or runs; 0 if none"
)
DEAD_LETTERS = Gauge("hearsay_dead_letters", "Jobs that were given up and can be run again")
ENGINE_CALLS = Counter("hearsay_engine_calls", "Calls to engines", ["engine", "result"])
ENGINE_AUDIO_SECONDS = Counter(
    "hearsay_engine_audio_seconds", "Seconds of audio sent to engines", ["engine"]
)
ENGINE_RESULTS = Counter(
    "hearsay_engine_results", "Results of engines that were stored", ["engine", "model"]
)
ENGINE_TOKENS = Counter(
    "hearsay_engine_tokens",
    "Tokens of stored results, as engines count",
    ["engine", "model", "kind"],
)
COST_DOLLARS = Counter("hearsay_cost_dollars", "Cost of calls at MiMo's list prices, in US dollars")
SENDS = Counter("hearsay_sends", "Calls that send or edit", ["platform", "result"])
AMBIGUOUS_SENDS = Counter(
    "hearsay_ambiguous_sends", "Messages sent whose response was lost", ["platform"]
)
PLATFORM_WAIT_SECONDS = Counter(
    "hearsay_platform_wait_seconds", "Seconds that platforms asked to wait", ["platform"]
)
POLL_AGE = Gauge(
    "hearsay_poll_age_seconds",
    "Seconds since Telegram last answered getUpdates or confirmed the webhook",
)
GATEWAY_IDENTIFIES = Counter("hearsay_gateway_identifies", "Sessions begun at Discord's gateway")
DISCORD_INVALID_REQUESTS = Counter(
    "hearsay_discord_invalid_requests", "Requests to Discord that ended with 401, 403 or 429"
)
READY = Gauge("hearsay_ready", "Whether a part of this process works, as /readyz says", ["part"])
DISK_FREE_BYTES = Gauge("hearsay_disk_free_bytes", "Free space on the disk of HEARSAY_HOME")
LOOP_LAG = Histogram(
    "hearsay_loop_lag_seconds",
    "How much later than asked for the event loop went on, every five seconds",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
)
