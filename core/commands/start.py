"""/start: the first contact."""

from __future__ import annotations

from core.commands import Command
from core.commands.context import Context
from core.locale import mark
from core.models import Reply


async def start(ctx: Context) -> Reply:
    """Say who speaks and what to do next."""
    lines = (
        ctx.text("I am Hearsay, an AI that listens for you."),
        ctx.text("Send me a voice note, a round video or any recording: I write it down."),
        ctx.text("/help shows the rest."),
    )
    return Reply("\n".join(lines))


command = Command(mark("Begin"), start, is_listed=False)
