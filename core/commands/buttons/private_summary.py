"""The button under /summary me: a group's summary, for one person in their private chat."""

from __future__ import annotations

from core.commands import Command
from core.commands.context import Context
from core.errors import UserError
from core.locale import mark
from core.models import Chat, Reply
from core.summaries.button_payload import read_copy
from core.summaries.pipeline import READING


async def private_summary(ctx: Context) -> Reply:
    """Answer with the summary that the button holds: only we can have written it."""
    message = ctx.message
    try:
        copy = read_copy(message.text)
    except ValueError:
        raise UserError("I no longer have this summary. Ask for it again.") from None
    chat = Chat(message.chat.platform, message.chat.bot_id, copy.chat_id)
    ctx.on_text(ctx.text(READING))
    return await ctx.summaries.answer(ctx.job, copy.request, ctx.synthesis, chat)


command = Command(mark("Read a group's summary in private"), private_summary, is_listed=False)
