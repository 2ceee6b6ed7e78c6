"""One process of the program with the instant engine; it writes down the moments of its jobs.

    python -m benchmarks.scale.part COMMAND REPORT [ENGINE_S PLACES]

COMMAND: run, worker or intake. REPORT: a file that is written when the process is stopped, JSON:
name -> job id -> seconds of the machine's clock, which all its processes share. ENGINE_S: how long
a call to the engine takes. PLACES: how many jobs a worker runs at once, half of them reserved for
people who have asked for little.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from benchmarks.support.instant import Instant, plug_in
from bots.cli import main as hearsay
from core.jobs import shared_queue
from core.jobs.steps import JobSteps
from core.models import Job, Transcript
from core.store.work.intake import Intake

moments: dict[str, dict[str, float]] = defaultdict(dict)


def record_commits(add: Callable[..., Awaitable[Job | None]]) -> Callable[..., Any]:
    async def recorded(*arguments: Any, **more: Any) -> Job | None:
        if (job := await add(*arguments, **more)) is not None:
            moments["committed"][job.job_id] = time.monotonic()
        return job

    return recorded


def record_runs(run: Callable[[Any, Job], Awaitable[bool]]) -> Callable[..., Any]:
    async def recorded(self: Any, job: Job) -> bool:
        moments["begun"][job.job_id] = time.monotonic()
        try:
            return await run(self, job)
        finally:
            moments["ended"][job.job_id] = time.monotonic()

    return recorded


def slow_down(engine_s: float) -> None:
    """Let each call to the engine take so long."""
    transcribe = Instant.transcribe

    async def slow(self: Instant, audio: Any, **options: Any) -> Transcript:
        await asyncio.sleep(engine_s)
        return await transcribe(self, audio, **options)

    setattr(Instant, "transcribe", slow)  # noqa: B010 - a method


def set_places(count: int) -> None:
    """Let a worker run so many jobs at once, and one more that waits for nobody."""
    (chores, _), (urgent, _), (first, _), (more, _) = shared_queue.PLACES
    reserved = count // 2
    places = ((chores, 1), (urgent, 1), (first, reserved), (more, count - reserved))
    import core.jobs.queue_runner as runner

    setattr(runner, "PLACES", places)  # noqa: B010 - a constant


def lift_limits() -> None:
    """Let Telegram take any number of messages: its limit of one bot is not that of the program."""
    import bots.telegram_bot.pacing as pacing

    for name in ("OVERALL", "ALL_TOGETHER"):
        setattr(pacing, name, (10_000, 1.0))


def main() -> None:
    command, report, *more = sys.argv[1:]
    plug_in()
    lift_limits()
    if more:
        slow_down(float(more[0]))
        set_places(int(more[1]))
    setattr(Intake, "add", record_commits(Intake.add))  # noqa: B010 - a method
    setattr(JobSteps, "run", record_runs(JobSteps.run))  # noqa: B010 - a method
    sys.argv = ["hearsay", command]
    try:
        hearsay()
    finally:
        Path(report).write_text(json.dumps(moments))


if __name__ == "__main__":
    main()
