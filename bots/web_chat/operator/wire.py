"""What goes over the wire to the operator's view: pure functions from our values to its JSON."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import Any

from core.logs import Problem
from core.models import (
    PLACEHOLDER,
    EngineUsage,
    HourStatistics,
    JobDetails,
    JobSummary,
    QueueState,
    measure_wait_times,
)
from core.operations.status import EngineState

#: Takes secrets out of a text.
Redact = Callable[[str], str]


def build_queue(queue: QueueState) -> dict[str, Any]:
    """The work that is not done yet."""
    return asdict(queue) | {"oldest_at": _moment(queue.oldest_at)}


def build_engine(state: EngineState) -> dict[str, Any]:
    """Who does one thing, and how the account stands."""
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
    """The jobs that ended within one hour."""
    return {
        "start_at": hour.start_at.isoformat(),
        "ended": {state.value: count for state, count in hour.ended.items()},
        **asdict(measure_wait_times([hour])),
    }


def build_spent(spent: EngineUsage) -> dict[str, Any]:
    """What the calls to one model have cost."""
    return asdict(spent)


def build_problem(problem: Problem, redact: Redact) -> dict[str, Any]:
    """A warning or an error of the log."""
    return {
        "id": problem.problem_id,
        "at": problem.at.isoformat(),
        "level": problem.level,
        "event": redact(problem.event),
        "error": redact(problem.error),
        "job_id": problem.job_id,
    }


def build_job(trace: JobSummary, redact: Redact) -> dict[str, Any]:
    """One job, without what it is about."""
    return asdict(trace) | {
        "received_at": _moment(trace.received_at),
        "run_at": _moment(trace.run_at),
        "finished_at": _moment(trace.finished_at),
        "error": redact(trace.error),
    }


def build_job_details(steps: JobDetails, redact: Redact) -> dict[str, Any]:
    """One job with what is kept of its steps."""
    return {
        "job": build_job(steps.summary, redact),
        "has_transcript": steps.has_transcript,
        "pieces": steps.pieces,
        "deliveries": [
            # The placeholder that shows the text so far is no part of the reply.
            {"part": None if one.part == PLACEHOLDER else one.part, "state": one.state.value}
            for one in steps.deliveries
        ],
    }


def _moment(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
