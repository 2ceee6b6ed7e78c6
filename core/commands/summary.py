"""/summary: what was said in a group, voice notes included, each point with where it was said."""

from __future__ import annotations

from core.commands import Command
from core.commands.arguments import Argument, offer
from core.commands.context import Context
from core.errors import UserError
from core.locale import mark
from core.models import Button, Reply
from core.summaries.button_payload import SummaryCopy, write_copy
from core.summaries.pipeline import READING, NothingSaid, asked_at_of, zone_of
from core.summaries.ranges import RangeContext, Request, read_request

HELP = mark("Sum up this chat: last 2h, 200 messages, unread, this topic, me, voice")


async def summary(ctx: Context) -> Reply:
    """Answer with the summary, or with a button that brings it into the private chat."""
    message = ctx.message
    if not message.is_private and ctx.settings.talk.remember_days is None:
        raise UserError(
            "I remember nothing of this chat, so there is nothing to sum up. "
            "An admin turns that on with /remember on."
        )
    request = read_request(message.text, await _asked(ctx))
    if request.is_private and not message.is_private:
        return _offer(ctx, request)
    ctx.on_text(ctx.text(READING))
    try:
        return await ctx.summaries.answer(ctx.job, request, ctx.synthesis)
    except NothingSaid:
        if message.is_private:
            raise UserError("Forward messages to me, then say /summary.") from None
        raise


async def _asked(ctx: Context) -> RangeContext:
    message = ctx.message
    zone = await zone_of(ctx.store, message.chat)
    begun = message.reply_to.message_id if message.reply_to else ""
    return RangeContext(asked_at_of(ctx.job), zone, message.thread_id, begun)


def _offer(ctx: Context, request: Request) -> Reply:
    copy = write_copy(SummaryCopy(ctx.message.chat.chat_id, request))
    label = ctx.text("Read it in private")
    text = ctx.text("Your summary comes in our private chat, where nobody else reads it.")
    return Reply(text, buttons=(Button(label, "private_summary", copy, is_private=True),))


command = Command(
    HELP,
    summary,
    usage="last 2h | 200 | unread | topic | me | voice | short",
    arguments=(
        Argument(
            "range",
            mark("Which part of the talk, and how it is told"),
            suggest=offer(
                "unread", "last 2h", "today", "200 messages", "this topic", "me", "voice"
            ),
        ),
    ),
)
