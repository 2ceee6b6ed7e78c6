"""A group's voice note is heard for its memory; nothing is said of it in the chat."""

from __future__ import annotations

from core.commands import Command
from core.commands.context import Context
from core.locale import mark
from core.models import Reply


async def note(ctx: Context) -> Reply:
    """Hear the recording and keep what it says with its message."""
    message = ctx.message
    kept = await ctx.store.memory.message(message.chat, message.message_id)
    if message.attachment is None or kept is None:
        return Reply()  # deleted, forgotten, or the chat is no longer remembered
    data = await ctx.fetch()
    heard = await ctx.transcription.transcribe(
        data, language=ctx.settings.language, hint_s=message.attachment.duration_s
    )
    await ctx.remember(heard)
    return Reply()


command = Command(mark("Hear a voice note for the memory"), note, is_listed=False, is_silent=True)
