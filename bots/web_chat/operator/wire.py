"""Conversion of our values to the JSON of the operator's view. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import Any

from core.limits.prices import estimate_cost
from core.logs import Problem
from core.models import (
    PLACEHOLDER,
    UNIT_NAMES,
    EngineUsage,
    HourStatistics,
    JobDetails,
    JobSummary,
    QueueState,
    Standing,
    measure_wait_times,
)
from core.operations.status import EngineState

#: Removes secrets from a text.
Redact = Callable[[str], str]


def build_queue(queue: QueueState) -> dict[str, Any]:
    """Return the state of the queue."""
    return asdict(queue) | {"oldest_at": _moment(queue.oldest_at)}


def build_engine(state: EngineState) -> dict[str, Any]:
    """Return the engine of a role, its limits and its last probe."""
    gate = asdict(state.gate) | {"failed_at": _moment(state.gate.failed_at)}
    engine = {"role": state.role, "engine": state.engine, "model": state.model}
    return engine | gate | {"probe": _build_probe(state)}


def _build_probe(state: EngineState) -> dict[str, Any] | None:
    probe = state.probe
    # One that has not ended yet names no engine.
    if probe is None or probe.engine != state.engine:
        return None
    return {"checked_at": _moment(probe.checked_at), "model": probe.model, "error": probe.error}


def build_hour(hour: HourStatistics) -> dict[str, Any]:
    """Return the jobs that ended within one hour."""
    return {
        "start_at": hour.start_at.isoformat(),
        "ended": {state.value: count for state, count in hour.ended.items()},
        **asdict(measure_wait_times([hour])),
    }


def build_usage(usage: EngineUsage) -> dict[str, Any]:
    """Return the usage of one model with its estimated cost, None if its price is unknown."""
    return asdict(usage) | {"cost_usd": estimate_cost(usage)}


def build_standing(standing: Standing) -> dict[str, Any]:
    """Return what an account has used, and its limits: minutes, US dollars and requests."""
    return {
        "kind": standing.account.kind,
        "name": standing.account.name,
        "limits": [
            {
                "period": limit.period,
                "unit": UNIT_NAMES[limit.unit],
                "used": limit.convert(standing.used[limit.period][limit.unit]),
                "most": limit.convert(limit.most),
            }
            for limit in standing.budget
        ],
        "used": {
            period: {"audio_s": used.audio_ms / 1000, "cost_usd": used.micro_usd / 1e6}
            for period, used in standing.used.items()
        },
    }


def build_problem(problem: Problem, redact: Redact) -> dict[str, Any]:
    """Return a warning or error of the log."""
    return {
        "id": problem.problem_id,
        "at": problem.at.isoformat(),
        "level": problem.level,
        "event": redact(problem.event),
        "error": redact(problem.error),
        "job_id": problem.job_id,
    }


def build_job(job: JobSummary, redact: Redact) -> dict[str, Any]:
    """Return one job, without its content."""
    return asdict(job) | {
        "received_at": _moment(job.received_at),
        "run_at": _moment(job.run_at),
        "finished_at": _moment(job.finished_at),
        "error": redact(job.error),
    }


def build_job_details(details: JobDetails, redact: Redact) -> dict[str, Any]:
    """Return one job with the saved results of its steps."""
    return {
        "job": build_job(details.summary, redact),
        "has_transcript": details.has_transcript,
        "pieces": details.pieces,
        "deliveries": [
            # The live message is not a part of the reply.
            {"part": None if one.part == PLACEHOLDER else one.part, "state": one.state.value}
            for one in details.deliveries
        ],
    }


def _moment(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
