"""A digest that is due: what was said since the last one."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from core.commands import Command
from core.commands.context import Context
from core.locale import mark
from core.models import Reply, TalkRange
from core.store.work.schedules import parse_period
from core.summaries.pipeline import NothingSaid
from core.summaries.ranges import Request


async def digest_due(ctx: Context) -> Reply:
    """Answer with the summary; where nothing was said, say nothing.

    The text is what the schedule wrote: from when to when, and whether it is late.
    """
    message = ctx.message
    if ctx.settings.talk.remember_days is None:
        for schedule in await ctx.store.schedules.find(message.chat):
            await ctx.store.schedules.remove(schedule)
        return Reply(ctx.text("No digest comes any more: nothing is remembered here now."))
    due = parse_period(message.text)
    # What came at the very moment of the last one was told by it.
    since_at = due.since_at + timedelta(microseconds=1)
    thread_id = (message.thread_id or "") if due.is_topic else None
    span = TalkRange(since_at, due.until_at, thread_id=thread_id)
    try:
        reply = await ctx.summaries.summarize(ctx.job, Request(span))
    except NothingSaid:
        return Reply()
    if not due.is_late:
        return reply
    return put_before(ctx.text("This digest is late: I was not running when it was due."), reply)


def put_before(line: str, reply: Reply) -> Reply:
    """Return `reply` with a line before its text; links stay where they were in it."""
    text = f"{line}\n\n{reply.text}"
    by = len(text) - len(reply.text)
    links = (replace(link, start=link.start + by, end=link.end + by) for link in reply.links)
    return replace(reply, text=text, links=tuple(links))


command = Command(mark("Sum up what was said since the last digest"), digest_due, is_listed=False)
