"""A text that was forwarded in private: it is kept for a day, to be summed up."""

from __future__ import annotations

from datetime import timedelta

from core.commands import Command
from core.commands.context import Context
from core.locale import mark
from core.models import Reply, TalkRange

#: Who forwards several is told once.
PAUSE = timedelta(minutes=10)
LEFT_OUT = mark("You asked me to remember nothing of yours. /remember me on changes that.")


async def collect(ctx: Context) -> Reply:
    """Say once what can be done with forwarded messages."""
    message, memory = ctx.message, ctx.store.memory
    if await memory.is_opted_out(message.chat.platform, message.sender_id):
        return Reply(ctx.text(LEFT_OUT))
    span = TalkRange(since_at=message.sent_at - PAUSE, until_at=message.sent_at)
    texts = [m for m in await memory.select(message.chat, span) if m.attachment is None]
    if texts and texts[0].message_id != message.message_id:
        return Reply()
    return Reply(ctx.text("I keep what you forward for one day. /summary sums it up."))


command = Command(mark("Keep forwarded messages"), collect, is_listed=False, is_silent=True)
