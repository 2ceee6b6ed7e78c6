"""/leave: leaves the voice channel."""

from __future__ import annotations

from core.commands import Command
from core.commands.context import Context
from core.commands.voice_channels import need_say
from core.locale import mark
from core.models import Reply

HELP = mark("Leave the voice channel")


async def leave(ctx: Context) -> Reply:
    """Leave; what was not heard yet never is."""
    channels = await need_say(ctx.platform, ctx.message)
    name = channels.find(ctx.message)
    await channels.leave(ctx.message)
    return Reply(ctx.text("I have left {channel}.", channel=name))


command = Command(HELP, leave, needs_voice_channels=True)
