"""Messages that go into the history of a chat: a group's voice messages, forwarded texts."""

from __future__ import annotations

from datetime import timedelta

from core.commands import Command
from core.commands.context import Context
from core.models import Reply, TalkRange

#: A series of forwarded messages gets one reply.
SERIES_GAP = timedelta(minutes=10)


async def transcribe_silently(ctx: Context) -> Reply:
    """Transcribe a group's voice message for its history, without a reply."""
    message = ctx.message
    # None: deleted or forgotten, or the chat no longer keeps a history.
    stored = await ctx.store.memory.message(message.chat, message.message_id)
    if message.attachment and stored:
        await ctx.transcribe(may_be_silent=True, on_progress=ctx.show_share)
    return Reply()


async def confirm_forwarded(ctx: Context) -> Reply:
    """Reply to the first of a series of forwarded texts with what can be done with them."""
    message, memory = ctx.message, ctx.store.memory
    if await memory.is_opted_out(message.chat.platform, message.sender_id):
        return Reply(ctx.text("You have opted out of storage. /remember me on changes that."))
    span = TalkRange(since_at=message.sent_at - SERIES_GAP, until_at=message.sent_at)
    texts = [m for m in await memory.select(message.chat, span) if m.attachment is None]
    if texts and texts[0].message_id != message.message_id:
        return Reply()
    return Reply(ctx.text("Forwarded texts are kept for one day. /summary summarizes them."))


note = Command("", transcribe_silently, is_listed=False, is_silent=True)
collect = Command("", confirm_forwarded, is_listed=False, is_silent=True)
