"""The buttons ▶ under a summary: only those seconds of a voice note."""

from __future__ import annotations

from dataclasses import replace

from core.commands import Command
from core.commands.context import Context
from core.errors import UserError
from core.locale import mark
from core.models import QuotedMessage, RememberedMessage, Reply
from core.summaries.moments import find_end
from core.text.timestamps import format_timestamp

#: Played before the moment itself: times are a little late where engines round them.
LEAD_S = 0.5


async def replay(ctx: Context) -> Reply:
    """Answer with a part of a recording. The text: "MESSAGE_ID START_S", then a CHAT_ID or none."""
    message_id, start_s, chat_id = _read(ctx.message.text)
    chat = replace(ctx.message.chat, chat_id=chat_id or ctx.message.chat.chat_id)
    message = await ctx.store.memory.message(chat, message_id)
    if message is None or message.attachment is None:
        raise UserError("I no longer have this voice note.")
    quoted = QuotedMessage(message_id, attachment=message.attachment, sender_id=message.sender_id)
    wanted = replace(ctx.message, chat=chat, attachment=None, reply_to=quoted)
    data = await ctx.fetch(wanted)
    end_s = find_end(message.transcript, start_s)
    file = await ctx.transcription.excerpt(data, max(0.0, start_s - LEAD_S), end_s)
    return Reply(files=(replace(file, title=_title(message, start_s)),))


def _read(text: str) -> tuple[str, float, str]:
    message_id, _, rest = text.partition(" ")
    start, _, chat_id = rest.partition(" ")
    try:
        return message_id, float(start), chat_id
    except ValueError:
        raise UserError("I no longer have this voice note.") from None


def _title(message: RememberedMessage, start_s: float) -> str:
    return f"{message.sender_name} {format_timestamp(start_s)}"


command = Command(mark("Play a part of a voice note"), replay, is_listed=False)
