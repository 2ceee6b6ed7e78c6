"""/start: the first message to the bot."""

from __future__ import annotations

from core.commands import Command
from core.commands.context import Context
from core.models import Reply


async def start(ctx: Context) -> Reply:
    """Introduce the bot."""
    lines = (
        ctx.text("I am Hearsay, an AI assistant for voice messages."),
        ctx.text("Send me a voice message, video message or any recording to transcribe it."),
        ctx.text("/help lists all commands."),
    )
    return Reply("\n".join(lines))


command = Command("", start, is_listed=False)
