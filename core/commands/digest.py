"""/digest: summaries that come by themselves, at a time of the chat's choice."""

from __future__ import annotations

from dataclasses import replace
from zoneinfo import ZoneInfo

from core.commands import Command
from core.commands.arguments import Argument, first_word, offer
from core.commands.context import Context
from core.errors import UserError
from core.locale import mark
from core.models import DigestSchedule, Reply
from core.models.schedules import next_at
from core.summaries.digests import read_plan

HELP = mark("Summaries by themselves, at a time: 09:00 Europe/Berlin [weekdays] [topic], or off")

#: By is_weekdays and is_topic.
SAID = {
    (False, False): mark("A digest comes every day at {at} ({zone}), next on {date}."),
    (True, False): mark("A digest comes on weekdays at {at} ({zone}), next on {date}."),
    (False, True): mark("A digest of this topic comes every day at {at} ({zone}), next on {date}."),
    (True, True): mark(
        "A digest of this topic comes on weekdays at {at} ({zone}), next on {date}."
    ),
}


async def digest(ctx: Context) -> Reply:
    """Plan a digest, end those that come here, or show what is planned."""
    choice = first_word(ctx.message.text)
    if not choice:
        return Reply(await _show(ctx))
    await ctx.require_admin()
    if choice == "off":
        for schedule in await _here(ctx):
            await ctx.store.schedules.remove(schedule)
        return Reply(ctx.text("No digest comes here any more."))
    if ctx.settings.talk.remember_days is None:
        raise UserError("A digest needs what was said: /remember on comes first.")
    schedule = await _plan(ctx)
    await ctx.store.schedules.add(schedule)
    return Reply(_describe(ctx, schedule))


async def _plan(ctx: Context) -> DigestSchedule:
    """Return what the message asks for; without a zone, that of the chat's other digests."""
    message = ctx.message
    plan = read_plan(message.text)
    zones = [known.zone for known in await ctx.store.schedules.find(message.chat)]
    schedule = DigestSchedule(
        # Of the job: run again, it plans the same one.
        schedule_id=ctx.job.job_id,
        chat=message.chat,
        at=plan.at,
        zone=plan.zone or next(iter(zones), "UTC"),
        is_weekdays=plan.is_weekdays,
        thread_id=message.thread_id,
        is_topic=plan.is_topic,
        language=message.language,
        next_at=ctx.clock.now(),
    )
    return replace(schedule, next_at=next_at(schedule, schedule.next_at))


async def _here(ctx: Context) -> list[DigestSchedule]:
    """Return the digests that come to the place of the message; in no topic those of all."""
    known = await ctx.store.schedules.find(ctx.message.chat)
    thread_id = ctx.message.thread_id
    return [s for s in known if thread_id is None or s.thread_id == thread_id]


async def _show(ctx: Context) -> str:
    lines = [_describe(ctx, schedule) for schedule in await _here(ctx)]
    if not lines:
        return ctx.text("No digest is planned. Say for example: /digest 09:00 Europe/Berlin")
    return "\n".join([*lines, ctx.text("/digest off ends it.")])


def _describe(ctx: Context, schedule: DigestSchedule) -> str:
    return ctx.text(
        SAID[schedule.is_weekdays, schedule.is_topic],
        at=schedule.at,
        zone=schedule.zone,
        date=f"{schedule.next_at.astimezone(ZoneInfo(schedule.zone)):%Y-%m-%d %H:%M}",
    )


command = Command(
    HELP,
    digest,
    usage="time [zone] | off",
    arguments=(
        Argument(
            "time",
            mark("When, and in which zone: 09:00 Europe/Berlin"),
            suggest=offer("off", "09:00", "09:00 weekdays", "18:00 topic"),
        ),
    ),
    is_for_admins=True,
)
