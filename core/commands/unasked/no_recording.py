"""The reply to a picture, a document or a sticker: what to send instead."""

from __future__ import annotations

from core.commands import Command
from core.commands.context import Context
from core.models import Reply


async def explain(ctx: Context) -> Reply:
    """Say that this is no recording."""
    text = ctx.text("I only work with recordings: send a voice message, an audio file or a video.")
    return Reply(text)


command = Command("", explain, is_listed=False)
