"""/transcribe: what is said in a voice note, its own or that of the message it answers."""

from __future__ import annotations

from core.commands import Command, Context
from core.errors import UserError
from core.locale import mark
from core.models import Button, Reply, Transcript

HELP = mark("Write down what a voice note says")


async def transcribe(ctx: Context) -> Reply:
    """Hear the recording and answer with its words."""
    message = ctx.message
    attachment = message.attachment or (message.reply_to and message.reply_to.attachment)
    if not attachment:
        raise UserError("Send me a voice note, or answer one with /transcribe.")
    data = await ctx.fetch()
    heard = await ctx.hearing.hear(
        data,
        language=ctx.settings.language,
        hint_s=attachment.duration_s,
        on_text=ctx.on_text,
    )
    transcript = heard.transcript
    if not transcript.text:
        raise UserError("I heard no speech in this recording.")
    await ctx.remember(heard)
    note, buttons = _note(ctx, transcript), _offers(transcript, heard.key)
    return Reply(note, transcript.text, buttons=buttons, aloud=transcript.text, heard_key=heard.key)


def _note(ctx: Context, transcript: Transcript) -> str:
    notes = []
    if transcript.is_rough:
        notes.append(ctx.text("Heard offline, English only: the gist, not the letter."))
    if transcript.is_cut:
        notes.append(ctx.text("A part of it was too long for the service: some words are missing."))
    return "\n".join(notes)


def _offers(transcript: Transcript, key: str) -> tuple[Button, ...]:
    """Return what can be had of a transcript that has times."""
    if len(transcript.segments) < 2:
        return ()
    return tuple(Button(f".{form}", "export", f"{form} {key}") for form in ("txt", "srt"))


command = Command(HELP, transcribe)
