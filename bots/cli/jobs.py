"""hearsay jobs list | show | retry: what the operator sees of jobs, content left out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from bots.exit_codes import exit_with, prepare
from bots.program import make_home
from core.clock import CLOCK
from core.models import PLACEHOLDER, Job, JobState
from core.store import Store, make_cipher, migrate

#: What the list shows unless asked otherwise: all that has not ended well.
UNSETTLED = (JobState.DEAD, JobState.WAITING, JobState.RUNNING)
#: Width of a table that goes to a file or another program.
_PIPED_WIDTH = 200

app: typer.Typer = typer.Typer(
    name="jobs",
    help="See what people have asked for, and run dead letters again.",
    no_args_is_help=True,
)

JobId = Annotated[str, typer.Argument(metavar="ID", help="The reference that people are shown.")]


@app.command("list")
def list_jobs(
    states: Annotated[
        list[JobState] | None, typer.Option("--state", help="Only these; may be repeated.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 50,
) -> None:
    """List jobs, the newest first; dead letters and open ones unless states are named."""
    asyncio.run(_list(states or list(UNSETTLED), limit))


@app.command("show")
def show_job(
    job_id: JobId,
    has_content: Annotated[
        bool, typer.Option("--content", help="Also what the person wrote and was answered.")
    ] = False,
) -> None:
    """Show one job and how far it has come, without what anybody said."""
    asyncio.run(_show(job_id, has_content=has_content))


@app.command("retry")
def retry_job(job_id: JobId) -> None:
    """Run a dead letter again: a running bot starts it within seconds."""
    asyncio.run(_retry(job_id))


@asynccontextmanager
async def _open_store() -> AsyncIterator[Store]:
    settings = prepare()
    home = settings.hearsay_home
    make_home(home)
    await migrate(settings.url)
    store = Store(settings.url, make_cipher(settings.secret("hearsay_secret_key"), home))
    try:
        yield store
    finally:
        await store.close()


async def _list(states: list[JobState], limit: int) -> None:
    async with _open_store() as store:
        found = await store.jobs.recent(states, limit)
        counts = await store.jobs.counts()
    table = Table("ID", "STATE", "COMMAND", "AGE", "ATTEMPTS", "ERROR", box=None)
    for job in found:
        age = _describe_age(CLOCK.now() - job.created_at)
        table.add_row(job.job_id, job.state, job.command, age, str(job.attempts), job.error)
    _print(table if found else "No jobs.")
    _print(", ".join(f"{counts[s]} {s.value}" for s in JobState if s in counts) or "0 in all")


async def _show(job_id: str, *, has_content: bool) -> None:
    async with _open_store() as store:
        job = await store.jobs.find(job_id)
        if job is None:
            exit_with(f"there is no job {job_id}", 1)
        deliveries = await store.jobs.deliveries(job_id)
    lines = _metadata(job)
    for one in deliveries:
        part = "placeholder" if one.part == PLACEHOLDER else f"part {one.part}"
        lines.append((part, f"{one.state.value} {one.platform_id}".strip()))
    if has_content:
        lines += [("text", job.message.text), ("reply", job.reply.text if job.reply else "")]
        lines += [("quote", job.reply.quote if job.reply else "")]
    table = Table(box=None, show_header=False)
    for name, value in lines:
        table.add_row(name, value)
    _print(table)


def _metadata(job: Job) -> list[tuple[str, str]]:
    sound = job.message.attachment or (job.message.reply_to and job.message.reply_to.attachment)
    return [
        ("job", job.job_id),
        ("state", job.state.value),
        ("command", job.command),
        ("platform", job.message.chat.platform),
        ("chat", job.message.chat.chat_id),
        ("message", job.message.message_id),
        ("created", job.created_at.isoformat(timespec="seconds")),
        ("runs at", job.run_at.isoformat(timespec="seconds")),
        ("attempts", str(job.attempts)),
        ("error", job.error),
        ("sound", _describe_sound(sound.kind, sound.duration_s) if sound else "none"),
        ("told that it takes longer", "yes" if job.is_told else "no"),
        ("reply", f"saved, ends as {job.outcome.value}" if job.reply else "not yet made"),
    ]


def _describe_sound(kind: str, duration_s: float | None) -> str:
    return kind if duration_s is None else f"{kind}, {duration_s:.0f} s"


async def _retry(job_id: str) -> None:
    async with _open_store() as store:
        if not await store.jobs.retry(job_id):
            job = await store.jobs.find(job_id)
            if job is None:
                exit_with(f"there is no job {job_id}", 1)
            exit_with(f"job {job_id} is {job.state.value}: only dead letters can be run again", 1)
    typer.echo(f"Job {job_id} waits to be run again.")


def _describe_age(age: timedelta) -> str:
    seconds = int(age.total_seconds())
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{max(seconds, 0)} s"


def _print(what: Table | str) -> None:
    console = Console(markup=False, highlight=False, emoji=False)
    console.print(what, width=None if console.is_terminal else _PIPED_WIDTH)
