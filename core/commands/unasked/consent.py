"""The recording that follows /voice clone: the consent, spoken by the voice itself."""

from __future__ import annotations

from dataclasses import replace

from core.commands import Command
from core.commands.context import Context
from core.errors import UserError
from core.locale import mark
from core.models import Button, Reply
from core.synthesis.voice_consent import is_consent, make_clone


async def consent(ctx: Context) -> Reply:
    """Check that the sentence was said; only then is the voice made, for its owner alone."""
    expects, attachment = ctx.settings.expects, ctx.message.attachment
    if expects is None or attachment is None:
        raise UserError("Nothing was asked of you. /voice clone begins.")
    data = await ctx.platform.fetch(ctx.message)
    heard = await ctx.transcription.transcribe(data, language=ctx.settings.language)
    if not is_consent(expects, heard.transcript.text):
        raise UserError("That was not the sentence. Record it again, or say /voice clone off.")
    sample = await ctx.transcription.convert(data)
    own = make_clone(sample, ctx.clock.now())
    settings = replace(ctx.settings, expects=None)
    await ctx.store.voices.keep(ctx.message.chat, ctx.message.sender_id, own)
    await ctx.store.chats.save_settings(ctx.message.chat, settings)
    text = ctx.text(
        "Your voice is kept as {voice}, for you alone. /voice delete {voice} withdraws it.",
        voice=own.name,
    )
    return Reply(text, buttons=(Button(ctx.text("For me"), "voice", own.choice),))


command = Command(mark("Take the consent to a voice of one's own"), consent, is_listed=False)
