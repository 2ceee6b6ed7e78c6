"""The button Listen under a text."""

from __future__ import annotations

from core.commands import Command
from core.commands.context import Context
from core.locale import mark
from core.models import Reply
from core.synthesis.pipeline import MAX_CHARS
from core.text.split import shorten


async def listen(ctx: Context) -> Reply:
    """Say the text that the button carries, as much of it as is said at once."""
    spoken = await ctx.synthesize(shorten(ctx.message.text, MAX_CHARS))
    return Reply(files=(spoken.file,))


command = Command(mark("Listen"), listen, is_listed=False)
