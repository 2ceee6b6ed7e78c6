"""The recording after /voice clone: the spoken consent, from which the voice is made."""

from __future__ import annotations

from core.commands import TRANSCRIPT, Command
from core.commands.context import Context
from core.errors import UserError
from core.models import Button, Reply
from core.synthesis.voice_consent import is_consent, make_clone


async def consent(ctx: Context) -> Reply:
    """Save the sender's voice, for themselves alone, if the recording contains the sentence."""
    expects, attachment = ctx.settings.expects, ctx.message.attachment
    if expects is None or attachment is None:
        raise UserError("No recording is expected. Start with /voice clone.")
    data = await ctx.fetch()
    stored = await ctx.transcription.transcribe(
        data, language=await ctx.spoken_language(ctx.message.sender_id)
    )
    if not is_consent(expects, stored.transcript.text):
        raise UserError("That was not the sentence. Record it again, or cancel: /voice clone off")
    sample = await ctx.transcription.convert(data)
    own = make_clone(sample, ctx.clock.now())
    await ctx.store.voices.keep(ctx.message.chat, ctx.message.sender_id, own)
    await ctx.save_settings(expects=None)
    text = ctx.text(
        "Saved as {voice}; only you can use it. /voice delete {voice} deletes it.",
        voice=own.name,
    )
    return Reply(text, buttons=(Button(ctx.text("For me"), "voice", own.choice),))


command = Command("", consent, TRANSCRIPT, is_listed=False)
