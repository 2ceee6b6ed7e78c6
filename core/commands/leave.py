"""/leave: leave the voice channel."""

from __future__ import annotations

from core.commands import Command
from core.commands.context import Context
from core.commands.voice_channels import require_present
from core.locale import mark
from core.models import Reply


async def leave(ctx: Context) -> Reply:
    """Leave the channel and drop what is still queued for it."""
    channels = await require_present(ctx)
    name = channels.find(ctx.message)
    await channels.leave(ctx.message)
    return Reply(ctx.text("Left {channel}.", channel=name))


command = Command(mark("Leave the voice channel"), leave, needs_voice_channels=True)
