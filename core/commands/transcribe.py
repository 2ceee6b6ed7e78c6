"""/transcribe: what is said in a voice note, its own or that of the message it answers."""

from __future__ import annotations

from collections.abc import Iterator

from core.commands import Command, Context
from core.errors import UserError
from core.glossary import apply_to
from core.locale import mark
from core.models import Button, Reply, Transcript

HELP = mark("Write down what a voice note says")
#: What is longer than this can be summed up.
SUMMARY_OVER_S = 60.0


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
    text = apply_to(transcript, ctx.settings.talk.glossary).text
    buttons = tuple(_offers(ctx, transcript, heard.key))
    return Reply(_note(ctx, transcript), text, buttons=buttons, aloud=text, heard_key=heard.key)


def _note(ctx: Context, transcript: Transcript) -> str:
    notes = []
    if transcript.is_rough:
        notes.append(ctx.text("Heard offline, English only: the gist, not the letter."))
    if transcript.is_cut:
        notes.append(ctx.text("A part of it was too long for the service: some words are missing."))
    return "\n".join(notes)


def _offers(ctx: Context, transcript: Transcript, key: str) -> Iterator[Button]:
    """Yield what can be had of a transcript, the most wanted first; Listen comes after these."""
    if transcript.duration_s > SUMMARY_OVER_S:
        yield Button(ctx.text("Summary"), "brief", key)
    if ctx.understanding.answerer.chat_limits.can_translate:
        yield Button(ctx.text("Translate"), "translate", key)
    yield Button(ctx.text("Ask"), "ask_about", key)
    yield Button(ctx.text("Fix"), "fix")
    if len(transcript.segments) > 1:
        yield from (Button(f".{form}", "export", f"{form} {key}") for form in ("txt", "srt"))


command = Command(HELP, transcribe)
