"""hearsay jobs list | show | retry: the operator's view of jobs, by default without content."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from bots.exit_codes import exit_with, prepare
from bots.program import open_store
from core.clock import CLOCK
from core.models import PLACEHOLDER, Job, JobState

#: States that are listed by default: all that are not done.
UNSETTLED = (JobState.DEAD, JobState.WAITING, JobState.RUNNING)
#: Width of a table that is written to a file or a pipe.
_PIPED_WIDTH = 200

app: typer.Typer = typer.Typer(
    name="jobs",
    help="List jobs, show one, and run dead letters again.",
    no_args_is_help=True,
)

JobId = Annotated[
    str, typer.Argument(metavar="ID", help="The reference that people see in error messages.")
]


@app.command("list")
def list_jobs(
    states: Annotated[
        list[JobState] | None,
        typer.Option("--state", help="Only jobs in this state; may be repeated."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Maximum number of jobs.")] = 50,
) -> None:
    """List jobs, newest first; without --state, dead letters and open jobs."""
    asyncio.run(_list(states or list(UNSETTLED), limit))


@app.command("show")
def show_job(
    job_id: JobId,
    has_content: Annotated[
        bool, typer.Option("--content", help="Include the message and the reply.")
    ] = False,
) -> None:
    """Show one job and its deliveries, without content."""
    asyncio.run(_show(job_id, has_content=has_content))


@app.command("retry")
def retry_job(job_id: JobId) -> None:
    """Run a dead letter again; a running bot starts it within seconds."""
    asyncio.run(_retry(job_id))


async def _list(states: list[JobState], limit: int) -> None:
    async with open_store(prepare()) as store:
        found = await store.jobs.recent(states, limit)
        counts = await store.jobs.counts()
    table = Table("ID", "STATE", "COMMAND", "AGE", "ATTEMPTS", "ERROR", box=None)
    for job in found:
        age = _describe_age(CLOCK.now() - job.created_at)
        table.add_row(job.job_id, job.state, job.command, age, str(job.attempts), job.error)
    _print(table if found else "No jobs.")
    _print(", ".join(f"{counts[s]} {s.value}" for s in JobState if s in counts) or "0 in total")


async def _show(job_id: str, *, has_content: bool) -> None:
    async with open_store(prepare()) as store:
        job = await store.jobs.find(job_id)
        if job is None:
            exit_with(f"there is no job {job_id}", 1)
        deliveries = await store.deliveries.parts(job_id)
    lines = _metadata(job)
    for delivery in deliveries:
        part = "placeholder" if delivery.part == PLACEHOLDER else f"part {delivery.part}"
        lines.append((part, f"{delivery.state.value} {delivery.platform_id}".strip()))
    if has_content:
        lines += [("text", job.message.text), ("reply", job.reply.text if job.reply else "")]
        lines += [("quote", job.reply.quote if job.reply else "")]
    table = Table(box=None, show_header=False)
    for name, value in lines:
        table.add_row(name, value)
    _print(table)


def _metadata(job: Job) -> list[tuple[str, str]]:
    message = job.message
    recording = message.attachment or (message.reply_to and message.reply_to.attachment)
    described = "none"
    if recording:
        length = f", {recording.duration_s:.0f} s" if recording.duration_s is not None else ""
        described = f"{recording.kind}{length}"
    return [
        ("job", job.job_id),
        ("state", job.state.value),
        ("command", job.command),
        ("platform", message.chat.platform),
        ("chat", message.chat.chat_id),
        ("message", message.message_id),
        ("created", job.created_at.isoformat(timespec="seconds")),
        ("runs at", job.run_at.isoformat(timespec="seconds")),
        ("attempts", str(job.attempts)),
        ("error", job.error),
        ("recording", described),
        ("told that it takes longer", "yes" if job.is_told else "no"),
        ("reply", f"saved, ends as {job.outcome.value}" if job.reply else "none yet"),
    ]


async def _retry(job_id: str) -> None:
    async with open_store(prepare()) as store:
        if not await store.jobs.retry(job_id):
            job = await store.jobs.find(job_id)
            if job is None:
                exit_with(f"there is no job {job_id}", 1)
            exit_with(f"job {job_id} is {job.state.value}: only dead letters can be run again", 1)
    typer.echo(f"Job {job_id} will be run again.")


def _describe_age(age: timedelta) -> str:
    seconds = int(age.total_seconds())
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{max(seconds, 0)} s"


def _print(output: Table | str) -> None:
    console = Console(markup=False, highlight=False, emoji=False)
    console.print(output, width=None if console.is_terminal else _PIPED_WIDTH)
