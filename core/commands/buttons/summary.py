"""The buttons under a summary: ▶ plays a part of a recording, another moves it to private."""

from __future__ import annotations

from dataclasses import replace

from core.commands import SUMMARY, Command
from core.commands.context import Context
from core.errors import UserError
from core.locale import mark
from core.models import Chat, Message, QuotedMessage, Reply
from core.permissions import Action, require
from core.requester import share_with
from core.summaries.ranges import parse_copy
from core.summaries.recordings import READING
from core.summaries.selection import find_recording
from core.text.moments import find_excerpt_end
from core.text.split import shorten_name
from core.text.timestamps import format_timestamp

RECORDING_GONE = mark("This voice message is no longer available.")
#: Start this much earlier: timestamps of some engines are rounded up.
LEAD_S = 0.5


async def play_excerpt(ctx: Context) -> Reply:
    """Reply with a part of a recording. The text: "MESSAGE_ID START_S", then a CHAT_ID or none."""
    message_id, start_s, chat_id = _read(ctx.message.text)
    chat = replace(ctx.message.chat, chat_id=chat_id or ctx.message.chat.chat_id)
    await _require_reader(ctx, chat)
    message = await find_recording(ctx.store, chat, message_id)
    if message is None or message.attachment is None:
        raise UserError(RECORDING_GONE)
    quoted = QuotedMessage(
        message_id,
        attachment=message.attachment,
        sender_id=message.sender_id,
        origin_id=message.origin_id,
    )
    data = await ctx.fetch(replace(ctx.message, chat=chat, attachment=None, reply_to=quoted))
    end_s = find_excerpt_end(message.transcript, start_s)
    file = await ctx.transcription.excerpt(data, max(0.0, start_s - LEAD_S), end_s)
    title = f"{shorten_name(message.sender_name)} {format_timestamp(start_s)}".lstrip()
    return Reply(files=(replace(file, title=title),))


async def _require_reader(ctx: Context, chat: Chat) -> None:
    """Raise NotMember if the sender is not in that chat now: buttons outlast a membership."""
    if chat != ctx.message.chat:
        await require(ctx.platform, ctx.message, Action.READ_ELSEWHERE, about=chat)


def _read(text: str) -> tuple[str, float, str]:
    message_id, _, rest = text.partition(" ")
    start, _, chat_id = rest.partition(" ")
    try:
        return message_id, float(start), chat_id
    except ValueError:
        raise UserError(RECORDING_GONE) from None


async def summarize_in_private(ctx: Context) -> Reply:
    """Reply with a group's summary in the private chat. Only the bot can have written the text."""
    message = ctx.message
    try:
        payload = parse_copy(message.text)
    except ValueError:
        raise UserError("This summary is no longer available. Please request it again.") from None
    chat = Chat(message.chat.platform, message.chat.bot_id, payload.chat_id)
    await _require_reader(ctx, chat)
    ctx.on_text(ctx.text(READING))
    with share_with(chat):
        return await ctx.summaries.summarize(ctx.job, payload.request, ctx.synthesis, chat)


def _find_played(message: Message) -> Chat | None:
    """Return the chat of the recording that a button plays."""
    chat_id = [*message.text.split(" ", 2), "", ""][2]
    return replace(message.chat, chat_id=chat_id or message.chat.chat_id)


def _find_summarized(message: Message) -> Chat | None:
    """Return the chat whose summary a button brings."""
    try:
        return replace(message.chat, chat_id=parse_copy(message.text).chat_id)
    except ValueError:
        return None


replay = Command("", play_excerpt, is_listed=False, history=_find_played)
private_summary = Command(
    "", summarize_in_private, SUMMARY, is_listed=False, history=_find_summarized
)
