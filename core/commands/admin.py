"""/admin: what operators do, in their private chat. Nobody else learns that it exists."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from importlib.metadata import version

from core.admission import Decision
from core.commands import Command
from core.commands.arguments import split_word
from core.commands.context import Context
from core.config import PLATFORMS
from core.errors import UserError
from core.limits.budget_texts import describe_use
from core.locale import Plural, mark
from core.models import (
    Account,
    Budget,
    BudgetPeriod,
    Button,
    Job,
    JobState,
    Reply,
    Standing,
    parse_budget,
    show_budget,
)
from core.permissions import Action
from core.text.split import shorten

USAGE = mark(
    "Commands of operators: /admin status | jobs | retry ID | approve WHO | deny WHO | ban WHO | "
    "unban WHO | budget WHO LIMITS | pause | resume | broadcast TEXT | log | version"
)
WHO = mark("Say whom: telegram:12345, discord:12345, or the number alone for this platform.")

WHOSE = mark(
    "Say whose budget: telegram:12345, chat discord:12345, key NAME, bot, or a # with six signs "
    "from the list."
)
LIMITS = mark(
    "Say which limits: 60 min/day, 1 USD/month, 100 requests/day; 0 means that nothing may be "
    "used. Or: off (no limit), default (the limits everyone has), reset (start again from zero)."
)
NO_LIMIT = mark("no limit")
TODAY, THIS_MONTH = mark("today {used}"), mark("this month {used}")

_WHO = re.compile(r"(?:([a-z]+)[: ])?(-?[0-9]{1,20})")
#: What follows "budget": kind, name, limits.
_WHOSE = re.compile(
    r"(?:(chat|key) +([\w.:-]{1,40})|(bot)|(#[0-9a-f]{6})|((?:[a-z]+:)?-?[0-9]{1,20}))(?: +(.+))?",
    re.DOTALL | re.IGNORECASE,
)
_MOST_JOBS, _MOST_ACTIONS = 10, 20
_CONFIRM_CHARS = 300


async def admin(ctx: Context) -> Reply:
    """Do what the first word says. Without one, list what there is."""
    word, rest = split_word(ctx.message.text)
    if word not in ACTIONS:
        return Reply(ctx.text(USAGE))
    return await ACTIONS[word](ctx, rest)


def _operator(ctx: Context) -> str:
    return f"{ctx.message.chat.platform}:{ctx.message.sender_id}"


async def show_status(ctx: Context, _: str) -> Reply:
    """Reply with the state of the program: the queue, incidents, and whether it is paused."""
    counts = await ctx.store.jobs.counts()
    shown = (JobState.WAITING, JobState.RUNNING, JobState.HELD, JobState.DEAD)
    lines = [", ".join(f"{state.value} {counts.get(state, 0)}" for state in shown)]
    lines += [f"⚠ {key}" for key in await ctx.store.probes.incidents()]
    if ctx.store.controls.is_paused:
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
    if not await ctx.store.jobs.retry(job_id):
        raise UserError("There is no dead letter {job_id}.", job_id=job_id)
    await ctx.store.audit.note(_operator(ctx), "retry", job_id)
    return Reply(ctx.text("{job_id} runs again.", job_id=job_id))


def _decide(decision: Decision | None, text: str) -> Callable[[Context, str], Awaitable[Reply]]:
    async def decide(ctx: Context, rest: str) -> Reply:
        found = _WHO.fullmatch(rest.strip().lower())
        if found is None:
            raise UserError(WHO)
        platform, subject = found[1] or ctx.platform.name, found[2]
        is_against = decision in (Decision.DENIED, Decision.BANNED)
        if is_against and platform == ctx.platform.name and subject in ctx.platform.operators:
            raise UserError("Operators cannot be banned.")
        await ctx.store.admissions.decide(_operator(ctx), platform, subject, decision)
        return Reply(ctx.text(text, who=f"{platform}:{subject}"))

    return decide


async def pause(ctx: Context, _: str) -> Reply:
    """Begin no new work."""
    await ctx.store.controls.pause(_operator(ctx), is_on=True)
    return Reply(
        ctx.text("Paused. What comes in is kept, and people are told. /admin resume goes on.")
    )


async def resume(ctx: Context, _: str) -> Reply:
    """Begin work again, with all that has waited."""
    await ctx.store.controls.pause(_operator(ctx), is_on=False)
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
    count = await ctx.store.controls.broadcast(_operator(ctx), key, text)
    if not count:
        return Reply(ctx.text("Nothing was sent: this was sent before, or no chat is active."))
    return Reply(ctx.text(Plural("Sent to {count} chat.", "Sent to {count} chats.", count)))


async def budget(ctx: Context, rest: str) -> Reply:
    """Reply with the budgets that matter, or with one, which is changed first if limits follow."""
    if not rest.strip():
        return await _list_budgets(ctx)
    found = _WHOSE.fullmatch(rest.strip())
    account = found and await _find_account(ctx, found)
    if not (found and account):
        raise UserError(WHOSE)
    ledger, today = ctx.store.budgets, ctx.clock.now().date()
    who = rest.strip()[: found.start(6) if found[6] else None].strip()
    if change := (found[6] or "").strip().lower():
        if change == "reset":
            await ctx.transcription.budgets.reset(account)
        else:
            await ledger.set_budget(account, _read_limits(change))
        await ctx.store.audit.note(_operator(ctx), "budget", f"{who} {change}")
    [standing] = await ledger.standings([account], today)
    short_id = await ledger.short_id(account)
    shown = f"{who} ({short_id})" if short_id.startswith("#") and short_id != who else who
    return Reply(_describe_budget(ctx, shown, standing))


async def _find_account(ctx: Context, found: re.Match[str]) -> Account | None:
    """Return whose budget is meant, None if there is no such chat, key, platform or short id."""
    rules = ctx.transcription.budgets.rules
    if found[3]:
        return rules.bot
    if found[1] and found[1].lower() == "key":
        return rules.key(found[2]) if found[2] in rules.key_names else None
    if found[4]:
        today = ctx.clock.now().date()
        known = await ctx.store.budgets.find(found[4].lower(), today)
        return known and Account(
            *known, rules.of_people if known[0] == "person" else rules.of_groups
        )
    platform, _, name = (found[2] or found[5]).lower().rpartition(":")
    platform = platform or ctx.platform.name
    if not found[1] and not name.startswith("-"):
        is_known = platform in (*PLATFORMS, ctx.platform.name)
        return rules.person(platform, name) if is_known else None
    chat = await ctx.store.chats.find(platform, name)
    return rules.group(chat) if chat else None


def _read_limits(text: str) -> Budget | None:
    try:
        return None if text == "default" else parse_budget(text)
    except ValueError:
        raise UserError(LIMITS) from None


async def _list_budgets(ctx: Context) -> Reply:
    """Reply with how the bot stands, who has used most today, and who has limits of their own."""
    shown = [
        (one.account, _describe_budget(ctx, f"{one.account.kind} {one.account.name}".strip(), one))
        for one in await ctx.transcription.budgets.overview()
    ]
    lines = [line for account, line in shown if account.kind in ("bot", "key")]
    if top := [line for account, line in shown if account.kind in ("person", "chat")]:
        lines += ["", ctx.text("Most is used today by:"), *top]
    if own := await ctx.store.budgets.own():
        lines += ["", ctx.text("Limits of their own:")]
    none = ctx.text(NO_LIMIT)
    lines += [f"{kind} {name}: {show_budget(one) if one else none}" for kind, name, one in own]
    return Reply("\n".join(lines))


def _describe_budget(ctx: Context, who: str, standing: Standing) -> str:
    language = ctx.message.language
    used = [
        ctx.text(text, used=found)
        for text, period in zip((TODAY, THIS_MONTH), BudgetPeriod, strict=True)
        if (found := describe_use(standing, period, language))
    ]
    none = [] if standing.budget else [ctx.text(NO_LIMIT)]
    return f"{who}: {'; '.join([*used, *none])}"


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
    "ban": _decide(Decision.BANNED, mark("{who} is banned.")),
    "unban": _decide(None, mark("{who} is no longer banned.")),
    "approve": _decide(Decision.APPROVED, mark("{who} may use the bot.")),
    "deny": _decide(Decision.DENIED, mark("{who} may not use the bot.")),
    "budget": budget,
    "pause": pause,
    "resume": resume,
    "broadcast": broadcast,
    "send": send,
    "log": show_log,
    "version": show_version,
}

command = Command("", admin, is_listed=False, action=lambda text: Action.OPERATE)
