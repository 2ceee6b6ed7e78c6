"""/transcribe: the text of a voice message, the command's own or the one it replies to."""

from __future__ import annotations

from core.commands import Command
from core.commands.arguments import MessageAction
from core.commands.context import Context
from core.errors import UserError
from core.locale import mark
from core.models import Reply

ENGLISH_ONLY = mark(
    "If another language was spoken, this is wrong: the operator of this bot can add it with "
    "MIMO_API_KEY or OPENAI_BASE_URL."
)


async def transcribe(ctx: Context) -> Reply:
    """Reply with the transcript and its buttons."""
    message = ctx.message
    if not (message.attachment or (message.reply_to and message.reply_to.attachment)):
        raise UserError("Send me a voice message, or reply to one with /transcribe.")
    stored = await ctx.transcribe(on_progress=ctx.on_progress)
    notes = []
    if stored.transcript.is_rough:
        notes.append(ctx.text("Rough English transcript, made offline: expect mistakes."))
        if not (ctx.message.language or "en").lower().startswith("en"):
            notes.append(ctx.text(ENGLISH_ONLY))
    if stored.transcript.is_cut:
        notes.append(ctx.text("A part exceeded the service's limit: some words are missing."))
    text = stored.transcript.text
    return Reply(
        "\n".join(notes),
        text,
        buttons=ctx.transcript_buttons(stored),
        aloud=text,
        heard_key=stored.key,
    )


command = Command(
    mark("Transcribe a voice message"),
    transcribe,
    takes_audio=True,
    message_actions=(
        MessageAction(mark("Transcribe")),
        MessageAction(mark("Transcribe for me"), is_ephemeral=True),
    ),
)
