"""/summary: a summary of the chat, voice messages included, each point with its source."""

from __future__ import annotations

from datetime import UTC, datetime

from core.commands import SUMMARY, Command, chat_of
from core.commands.arguments import Argument, offer
from core.commands.context import Context
from core.errors import UserError
from core.locale import mark
from core.models import Button, Reply
from core.summaries.pipeline import NothingSaid, find_chat_zone
from core.summaries.ranges import (
    RangeContext,
    SummaryCopy,
    SummaryRequest,
    dump_copy,
    parse_request,
)
from core.summaries.recordings import READING
from core.summaries.selection import period_end


async def summary(ctx: Context) -> Reply:
    """Reply with the summary, or with a button that sends it to the private chat."""
    message = ctx.message
    if not message.is_private and ctx.settings.talk.remember_days is None:
        raise UserError("Chat history is off. An admin can turn it on with /remember on.")
    zone = await find_chat_zone(ctx.store, message.chat)
    start_id = message.reply_to.message_id if message.reply_to else ""
    context = RangeContext(period_end(ctx.job), zone, message.thread_id, start_id)
    request = parse_request(message.text, context)
    if request.is_private and not (message.is_private or ctx.platform.is_ephemeral(message)):
        return _offer_private(ctx, request)
    ctx.on_text(ctx.text(READING))
    try:
        return await ctx.summaries.summarize(ctx.job, request, ctx.synthesis)
    except NothingSaid:
        if message.is_private:
            raise UserError("Forward messages to me, then send /summary.") from None
        raise


def _offer_private(ctx: Context, request: SummaryRequest) -> Reply:
    payload = dump_copy(SummaryCopy(ctx.message.chat.chat_id, request))
    label = ctx.text("Read in private")
    text = ctx.text("The summary is sent to our private chat, where only you can read it.")
    return Reply(text, buttons=(Button(label, "private_summary", payload, is_private=True),))


def asks_privately(text: str) -> bool:
    """Return whether the range contains "me"; for this it does not matter when it is asked."""
    try:
        return parse_request(text, RangeContext(datetime(2000, 1, 1, tzinfo=UTC))).is_private
    except UserError:
        return False


command = Command(
    mark("Summarize this chat: last 2h, 200 messages, unread, this topic, me, voice"),
    summary,
    SUMMARY,
    asks_privately=asks_privately,
    history=chat_of,
    usage=mark("last 2h | 200 | unread | topic | me | voice | short"),
    arguments=(
        Argument(
            mark("range"),
            mark("Which messages, and in what form"),
            suggest=offer(
                mark("unread"),
                mark("last 2h"),
                mark("today"),
                mark("200 messages"),
                mark("this topic"),
                mark("for me only"),
                mark("as voice"),
            ),
        ),
    ),
)
