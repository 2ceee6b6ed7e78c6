"""A message that is read aloud in the voice channel, without a reply in the chat."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from core.commands import Command
from core.commands.context import Context
from core.models import Reply, SpeechSettings, Voice
from core.synthesis.voice_choice import assign_voice, voices_for_language
from core.text.scripts import guess_language
from core.text.split import shorten

#: Longer messages are cut here, so that others get their turn.
MAX_CHARS = 400
#: Older messages are skipped: the conversation has moved on.
FRESH_FOR = timedelta(minutes=1)


async def read_out(ctx: Context) -> Reply:
    """Speak the message in its sender's voice, if reading aloud is still on."""
    message = ctx.message
    channels = ctx.platform.voice
    is_fresh = ctx.clock.now() - message.sent_at < FRESH_FOR
    if channels is None or not is_fresh or not channels.is_read(message):
        return Reply()
    if await ctx.store.memory.is_opted_out(message.chat.platform, message.sender_id):
        return Reply()
    chosen, _ = (await ctx.choices()).find("voice")
    voices = ctx.synthesis.synthesizer.voices()
    voice = "" if chosen else pick_voice(voices, message.sender_id, guess_language(message.text))
    await ctx.synthesize(shorten(message.text, MAX_CHARS), SpeechSettings(voice=voice))
    return Reply()


def pick_voice(voices: Sequence[Voice], person_id: str, language: str) -> str:
    """Return the preset voice of a person who has chosen none: always the same one."""
    pool = voices_for_language(voices, language) or voices
    return assign_voice(person_id, pool).voice_id if pool else ""


command = Command("", read_out, is_listed=False, is_silent=True)
