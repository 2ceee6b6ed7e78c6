"""What a process runs, until a signal, or until something ends that should not."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Collection, Coroutine, Mapping
from typing import Any

import structlog

from bots.parts import Part
from bots.systemd import READY, STOPPING, notify
from core.errors import PlatformLocked
from core.interfaces import Platform
from core.jobs import Runner, Takes
from core.models import PAGE
from core.operations.incidents import Incidents

log = structlog.get_logger()


def find_part(platform: str) -> Part:
    """Return the part of the program that receives the messages of a platform."""
    return Part.WEB if platform == PAGE else Part.INTAKE


def find_jobs(
    parts: Collection[Part], received: Mapping[str, Platform], *, is_shared: bool
) -> Takes:
    """Return which jobs a process runs. received: the platforms that it receives from."""
    takes = Takes.SHARED if Part.WORKER in parts else Takes(0)
    # It alone is in the voice channels that it has joined.
    is_in_channels = is_shared and any(one.voice for one in received.values())
    return takes | Takes.OWN if is_in_channels else takes


async def run_until_stopped(
    job_runner: Runner | None,
    incidents: Incidents,
    intakes: Mapping[str, Coroutine[Any, Any, None]],
    *watches: Coroutine[Any, Any, None],
) -> None:
    """Run everything; at a signal stop the intakes and the jobs. The database keeps the rest."""
    running = [asyncio.create_task(intake, name=name) for name, intake in intakes.items()]
    if job_runner:
        watches = job_runner.run(), *watches
    others = map(asyncio.create_task, watches)
    tasks: list[asyncio.Task[Any]] = [*running, *others]
    stop: asyncio.Task[Any] = asyncio.create_task(_wait_for_signal())
    try:
        done, _ = await asyncio.wait([*tasks, stop], return_when=asyncio.FIRST_COMPLETED)
        for task in done & {*running}:
            if isinstance(task.exception(), PlatformLocked):
                await incidents.platform_refused(task.get_name())
        log.info("stopping")
        for task in running:
            task.cancel()
        # Together: no job may start while the intakes are still stopping.
        stopping = [job_runner.stop()] if job_runner else []
        await asyncio.gather(*stopping, *running, return_exceptions=True)
        for task in done - {stop}:
            task.result()  # raises the error that ended it
    finally:
        for task in (*tasks, stop):
            task.cancel()
        await asyncio.gather(*tasks, stop, return_exceptions=True)


async def _wait_for_signal() -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    notify(READY)
    await stopped.wait()
    notify(STOPPING)
