"""hearsay jobs list | show | retry: the operator's view of jobs, by default without content.

Also hearsay pause and hearsay resume, which turn the switch of /admin pause.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Any

import typer
from rich.console import Console
from rich.table import Table

from bots.common.chat import clean
from bots.exit_codes import exit_with, prepare
from bots.program import open_store
from core.clock import CLOCK
from core.models import OPEN_STATES, PLACEHOLDER, Job, JobState, Reply
from core.store.audit import SHELL_OPERATOR

#: States that are listed by default: all that are not done.
UNSETTLED = (JobState.DEAD, *OPEN_STATES)
#: Width of a table that is written to a file or a pipe.
_PIPED_WIDTH = 200


def print_jobs(states: Sequence[str], limit: int, *, is_json: bool) -> None:
    """Print jobs in these states, by default those that are not done, the newest first."""
    wanted = [JobState(state) for state in states] or list(UNSETTLED)
    asyncio.run(_list(wanted, limit, is_json=is_json))


def print_job(job_id: str, *, has_content: bool, is_json: bool) -> None:
    """Print one job and its deliveries."""
    asyncio.run(_show(job_id, has_content=has_content, is_json=is_json))


def retry(job_id: str) -> None:
    """Run a dead letter again."""
    asyncio.run(_retry(job_id))


def pause_all(*, is_on: bool, text: str = "") -> None:
    """Begin no new work, or begin it again, also in a bot that runs. text: what people are told."""
    asyncio.run(_pause(is_on=is_on, text=text))
    typer.echo(
        "Paused: what comes in is kept, and each chat is told once. hearsay resume goes on."
        if is_on
        else "Resumed: what has waited is done now."
    )


async def _list(states: list[JobState], limit: int, *, is_json: bool) -> None:
    async with open_store(prepare()) as store:
        found = await store.jobs.recent(states, limit)
        counts = await store.jobs.counts()
    if is_json:
        _print_json({"jobs": [_metadata(job) for job in found], "counts": dict(counts)})
        return
    table = Table("ID", "STATE", "COMMAND", "AGE", "ATTEMPTS", "ERROR", box=None)
    for job in found:
        age = _describe_age(CLOCK.now() - job.created_at)
        table.add_row(job.job_id, job.state, job.command, age, str(job.attempts), job.error)
    _print(table if found else "No jobs.")
    _print(", ".join(f"{counts[s]} {s.value}" for s in JobState if s in counts) or "0 in total")


async def _show(job_id: str, *, has_content: bool, is_json: bool) -> None:
    async with open_store(prepare()) as store:
        job = await store.jobs.find(job_id)
        if job is None:
            exit_with(f"there is no job {job_id}", 1)
        deliveries = await store.deliveries.parts(job_id)
    value = _metadata(job)
    if has_content:
        reply = job.reply or Reply("")
        value |= {"text": job.message.text, "reply_text": reply.text, "quote": reply.quote}
    if is_json:
        _print_json({**value, "deliveries": [asdict(delivery) for delivery in deliveries]})
        return
    table = Table(box=None, show_header=False)
    for name, shown in value.items():
        table.add_row(name.replace("_", " "), "" if shown is None else clean(str(shown)))
    for delivery in deliveries:
        part = "placeholder" if delivery.part == PLACEHOLDER else f"part {delivery.part}"
        table.add_row(part, f"{delivery.state.value} {delivery.platform_id}".strip())
    _print(table)


def _metadata(job: Job) -> dict[str, str | int | None]:
    message = job.message
    recording = message.attachment or (message.reply_to and message.reply_to.attachment)
    described = None
    if recording:
        length = f", {recording.duration_s:.0f} s" if recording.duration_s is not None else ""
        described = f"{recording.kind}{length}"
    return {
        "job": job.job_id,
        "state": job.state.value,
        "command": job.command,
        "platform": message.chat.platform,
        "chat": message.chat.chat_id,
        "message": message.message_id,
        "created_at": job.created_at.isoformat(timespec="seconds"),
        "runs_at": job.run_at.isoformat(timespec="seconds"),
        "attempts": job.attempts,
        "error": job.error,
        "recording": described,
        "told_that_it_takes_longer": "yes" if job.is_told else "no",
        "reply": f"saved, ends as {job.outcome.value}" if job.reply else "none yet",
    }


async def _retry(job_id: str) -> None:
    async with open_store(prepare()) as store:
        if not await store.jobs.retry(job_id, SHELL_OPERATOR):
            job = await store.jobs.find(job_id)
            if job is None:
                exit_with(f"there is no job {job_id}", 1)
            exit_with(f"job {job_id} is {job.state.value}: only dead letters can be run again", 1)
    typer.echo(f"Job {job_id} will be run again.")


async def _pause(*, is_on: bool, text: str) -> None:
    async with open_store(prepare()) as store:
        await store.controls.pause(SHELL_OPERATOR, is_on=is_on, text=text)


def _describe_age(age: timedelta) -> str:
    seconds = int(age.total_seconds())
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{max(seconds, 0)} s"


def _print(output: Table | str) -> None:
    console = Console(markup=False, highlight=False, emoji=False)
    console.print(output, width=None if console.is_terminal else _PIPED_WIDTH)


def _print_json(value: dict[str, Any]) -> None:
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2))
