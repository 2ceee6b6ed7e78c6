"""/digest: scheduled summaries of the chat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from zoneinfo import ZoneInfo

from core.commands import Command
from core.commands.arguments import Argument, offer, split_word
from core.commands.context import Context
from core.errors import UserError
from core.locale import mark
from core.models import DigestSchedule, Reply, Span
from core.models.schedules import next_at
from core.summaries.digests import parse_digest_time

#: By `is_weekdays` and `is_topic`.
DESCRIPTIONS = {
    (False, False): mark("A digest is sent every day at {at} ({zone}). Next: {date}."),
    (True, False): mark("A digest is sent on weekdays at {at} ({zone}). Next: {date}."),
    (False, True): mark("A digest of this topic is sent every day at {at} ({zone}). Next: {date}."),
    (True, True): mark(
        "A digest of this topic is sent on weekdays at {at} ({zone}). Next: {date}."
    ),
}


async def digest(ctx: Context) -> Reply:
    """Schedule a digest, remove those of this place, or list them."""
    choice, _ = split_word(ctx.message.text)
    if ctx.message.is_private:
        raise UserError("Digests are for groups: send /digest in a group. Here, use /summary.")
    if not choice:
        found = await _find_here(ctx)
        if not found:
            return Reply(ctx.text("No digest is scheduled. Example: /digest 09:00 Europe/Berlin"))
        listed = _describe(ctx, found)
        return replace(listed, text=f"{listed.text}\n{ctx.text('/digest off turns it off.')}")
    if choice == "off":
        for schedule in await _find_here(ctx):
            await ctx.store.schedules.remove(schedule)
        return Reply(ctx.text("Digests are turned off here."))
    if ctx.settings.talk.remember_days is None:
        raise UserError("Digests need chat history. Turn it on first: /remember on")
    schedule = await _build_schedule(ctx)
    await ctx.store.schedules.add(schedule)
    return _describe(ctx, [schedule])


async def _build_schedule(ctx: Context) -> DigestSchedule:
    """Return the schedule asked for. The default time zone is that of the chat's other digests."""
    message = ctx.message
    plan = parse_digest_time(message.text)
    zones = [known.zone for known in await ctx.store.schedules.find(message.chat)]
    schedule = DigestSchedule(
        # The job's id, so that running the job again adds no second one.
        schedule_id=ctx.job.job_id,
        chat=message.chat,
        at=plan.at,
        zone=plan.zone or next(iter(zones), "UTC"),
        is_weekdays=plan.is_weekdays,
        thread_id=message.thread_id,
        is_topic=plan.is_topic,
        by=message.sender_id,
        language=message.language,
        next_at=ctx.clock.now(),
    )
    return replace(schedule, next_at=next_at(schedule, schedule.next_at))


async def _find_here(ctx: Context) -> list[DigestSchedule]:
    """Return the digests of the message's topic; outside of topics those of the whole chat."""
    known = await ctx.store.schedules.find(ctx.message.chat)
    thread_id = ctx.message.thread_id
    return [s for s in known if thread_id is None or s.thread_id == thread_id]


def _describe(ctx: Context, schedules: Sequence[DigestSchedule]) -> Reply:
    """Return a reply with a line on each schedule."""
    text, spans = "", []
    for schedule in schedules:
        date = f"{schedule.next_at.astimezone(ZoneInfo(schedule.zone)):%Y-%m-%d %H:%M}"
        pattern = DESCRIPTIONS[schedule.is_weekdays, schedule.is_topic]
        line = ctx.text(pattern, at=schedule.at, zone=schedule.zone, date=date)
        start = len(text) + line.rindex(date)
        spans.append(Span(start, start + len(date), "time", int(schedule.next_at.timestamp())))
        text += f"{line}\n"
    return Reply(text.rstrip("\n"), spans=tuple(spans))


command = Command(
    mark("Scheduled summaries: 09:00 Europe/Berlin [weekdays] [topic], or off"),
    digest,
    usage=mark("time [zone] | off"),
    arguments=(
        Argument(
            mark("time"),
            mark("Time and time zone: 09:00 Europe/Berlin"),
            suggest=offer(mark("off"), "09:00", mark("09:00 weekdays"), mark("18:00 topic")),
        ),
    ),
    is_for_admins=True,
)
