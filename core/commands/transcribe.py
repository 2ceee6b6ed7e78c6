"""/transcribe: what is said in a voice note, its own or that of the message it answers."""

from __future__ import annotations

from core.commands import Command
from core.commands.arguments import MessageAction
from core.commands.context import Context, offer_uses
from core.errors import UserError
from core.glossary import apply_to
from core.locale import mark
from core.models import Reply, Transcript

HELP = mark("Write down what a voice note says")


async def transcribe(ctx: Context) -> Reply:
    """Hear the recording and answer with its words."""
    message = ctx.message
    attachment = message.attachment or (message.reply_to and message.reply_to.attachment)
    if not attachment:
        raise UserError("Send me a voice note, or answer one with /transcribe.")
    data = await ctx.fetch()
    heard = await ctx.transcription.transcribe(
        data,
        language=ctx.settings.language,
        hint_s=attachment.duration_s,
        on_text=ctx.on_text,
    )
    transcript = heard.transcript
    if not transcript.text:
        raise UserError("I heard no speech in this recording.")
    await ctx.remember(heard)
    text = apply_to(transcript, ctx.settings.talk.glossary).text
    buttons = offer_uses(ctx, transcript, heard.key)
    return Reply(_note(ctx, transcript), text, buttons=buttons, aloud=text, heard_key=heard.key)


def _note(ctx: Context, transcript: Transcript) -> str:
    notes = []
    if transcript.is_rough:
        notes.append(ctx.text("Heard offline, English only: the gist, not the letter."))
    if transcript.is_cut:
        notes.append(ctx.text("A part of it was too long for the service: some words are missing."))
    return "\n".join(notes)


command = Command(
    HELP,
    transcribe,
    takes_audio=True,
    message_actions=(
        MessageAction(mark("Transcribe")),
        MessageAction(mark("Transcribe for me"), is_ephemeral=True),
    ),
)
