"""A digest that is due: the summary since the last one."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from core.commands import SUMMARY, Command, chat_of
from core.commands.context import Context
from core.models import Reply, TalkRange
from core.permissions import Action
from core.store.work.schedules import parse_period
from core.summaries.pipeline import NothingSaid
from core.summaries.ranges import SummaryRequest


async def digest_due(ctx: Context) -> Reply:
    """Reply with the summary, or with nothing if nothing was said.

    The text was written by the schedule: the period, and whether the digest is late.
    """
    ctx = replace(ctx, on_progress=ctx.show_share)  # nobody waits for it
    message = ctx.message
    if not ctx.platform.is_allowed(message):
        return Reply()
    if ctx.settings.talk.remember_days is None:
        for schedule in await ctx.store.schedules.find(message.chat):
            await ctx.store.schedules.remove(schedule)
        return Reply(ctx.text("Digests are turned off, because chat history is off."))
    due = parse_period(message.text)
    # The last digest included its very last moment.
    since_at = due.since_at + timedelta(microseconds=1)
    thread_id = (message.thread_id or "") if due.is_topic else None
    span = TalkRange(since_at, due.until_at, thread_id=thread_id)
    try:
        reply = await ctx.summaries.summarize(ctx.job, SummaryRequest(span), ctx.synthesis)
    except NothingSaid:
        return Reply()
    if not due.is_late:
        return reply
    line = ctx.text("This digest is late: the bot was offline when it was due.")
    return reply.begin_with(line)


command = Command(
    "",
    digest_due,
    SUMMARY,
    is_listed=False,
    action=lambda text: Action.SCHEDULED,
    history=chat_of,
)
