"""/admin: what operators do, in their private chat. Nobody else learns that it exists."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial
from importlib.metadata import version

from core.admission import Decision, name_sender
from core.commands import Command
from core.commands.admin.access import decide, describe_requests, list_requests
from core.commands.admin.budget import budget
from core.commands.arguments import split_word
from core.commands.context import Context
from core.errors import UserError
from core.locale import Plural, mark
from core.models import Button, Job, JobState, Reply
from core.permissions import Action
from core.text.split import shorten

USAGE = mark(
    "Commands of operators: /admin status | jobs | retry ID | requests | approve WHO | deny WHO | "
    "ban WHO | unban WHO | budget WHO LIMITS | pause | resume | broadcast TEXT | log | version"
)
_MOST_JOBS, _MOST_ACTIONS = 10, 20
_CONFIRM_CHARS = 300


async def admin(ctx: Context) -> Reply:
    """Do what the first word says. Without one, list what there is."""
    word, rest = split_word(ctx.message.text)
    if word not in ACTIONS:
        return Reply(ctx.text(USAGE))
    return await ACTIONS[word](ctx, rest)


async def show_status(ctx: Context, _: str) -> Reply:
    """Reply with the state of the program: the queue, incidents, and whether it is paused."""
    counts = await ctx.store.jobs.counts()
    shown = (JobState.WAITING, JobState.RUNNING, JobState.HELD, JobState.DEAD)
    lines = [", ".join(f"{state.value} {counts.get(state, 0)}" for state in shown)]
    lines += [f"⚠ {key}" for key in await ctx.store.probes.incidents()]
    if requests := await ctx.store.admissions.list_open():
        lines.append(describe_requests(ctx, len(requests)))
    if ctx.store.controls.paused.is_set():
        lines.append(ctx.text("Paused: no new work is begun until /admin resume."))
    return Reply("\n".join(lines))


async def list_jobs(ctx: Context, _: str) -> Reply:
    """Reply with the newest jobs that have not ended well. No content of chats."""
    states = (JobState.DEAD, JobState.HELD, JobState.WAITING, JobState.RUNNING)
    found = await ctx.store.jobs.recent(states, _MOST_JOBS)
    others = [_describe_job(ctx, job) for job in found if job.job_id != ctx.job.job_id]
    return Reply("\n".join(others) or ctx.text("Nothing waits, and there are no dead letters."))


def _describe_job(ctx: Context, job: Job) -> str:
    age = timedelta(seconds=int((ctx.clock.now() - job.created_at).total_seconds()))
    return f"{job.job_id} {job.state.value} {job.command} {age} {shorten(job.error, 80)}".rstrip()


async def retry(ctx: Context, rest: str) -> Reply:
    """Run a dead letter again."""
    job_id = rest.strip()
    if not await ctx.store.jobs.retry(job_id, name_sender(ctx.message)):
        raise UserError("There is no dead letter {job_id}.", job_id=job_id)
    return Reply(ctx.text("{job_id} runs again.", job_id=job_id))


async def pause(ctx: Context, text: str) -> Reply:
    """Begin no new work. text: what people are told, empty for the usual words."""
    await ctx.store.controls.pause(name_sender(ctx.message), is_on=True, text=text.strip())
    return Reply(
        ctx.text("Paused. What comes in is kept, and people are told. /admin resume goes on.")
    )


async def resume(ctx: Context, _: str) -> Reply:
    """Begin work again, with all that has waited."""
    await ctx.store.controls.pause(name_sender(ctx.message), is_on=False)
    return Reply(ctx.text("Resumed: what has waited is done now."))


async def broadcast(ctx: Context, text: str) -> Reply:
    """Ask whether to send a text to all active chats."""
    if not text.strip():
        raise UserError("Add the text: /admin broadcast The bot is down tonight from 22:00.")
    count = await ctx.store.controls.count_active()
    label = ctx.text(Plural("Send to {count} chat", "Send to {count} chats", count))
    return Reply(shorten(text, _CONFIRM_CHARS), buttons=(Button(label, "admin", f"send {text}"),))


async def send(ctx: Context, text: str) -> Reply:
    """Send what the button was made for, however often it is pressed only once."""
    if not ctx.message.button:
        return Reply(ctx.text(USAGE))
    key = ctx.message.button
    count = await ctx.store.controls.broadcast(name_sender(ctx.message), key, text)
    if not count:
        return Reply(ctx.text("Nothing was sent: this was sent before, or no chat is active."))
    return Reply(ctx.text(Plural("Sent to {count} chat.", "Sent to {count} chats.", count)))


async def show_log(ctx: Context, _: str) -> Reply:
    """Reply with what operators have done last."""
    found = await ctx.store.audit.recent(_MOST_ACTIONS)
    lines = [f"{e.done_at:%Y-%m-%d %H:%M} {e.operator} {e.action} {e.subject}" for e in found]
    return Reply("\n".join(line.rstrip() for line in lines) or ctx.text("Nothing was done yet."))


async def show_version(ctx: Context, _: str) -> Reply:
    """Reply with the version of the program."""
    return Reply(f"Hearsay {version('hearsay-bot')}")


#: Subcommand -> what it does. `send` is for a button only.
ACTIONS: dict[str, Callable[[Context, str], Awaitable[Reply]]] = {
    "status": show_status,
    "jobs": list_jobs,
    "retry": retry,
    "requests": list_requests,
    "approve": partial(decide, Decision.APPROVED),
    "deny": partial(decide, Decision.DENIED),
    "ban": partial(decide, Decision.BANNED),
    "unban": partial(decide, None),
    "budget": budget,
    "pause": pause,
    "resume": resume,
    "broadcast": broadcast,
    "send": send,
    "log": show_log,
    "version": show_version,
}

command = Command("", admin, is_listed=False, action=lambda text: Action.OPERATE)
