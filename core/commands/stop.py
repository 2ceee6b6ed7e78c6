"""/stop: is silent in the voice channel."""

from __future__ import annotations

from core.commands import Command
from core.commands.context import Context
from core.commands.voice_channels import need_say
from core.locale import mark
from core.models import Reply

HELP = mark("Be silent in the voice channel")


async def stop(ctx: Context) -> Reply:
    """Drop what is being said and what waits to be said."""
    channels = await need_say(ctx.platform, ctx.message)
    channels.stop(ctx.message)
    return Reply(ctx.text("I am silent."))


command = Command(HELP, stop, needs_voice_channels=True)
