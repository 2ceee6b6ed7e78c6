"""/join: comes into the voice channel that the person is in."""

from __future__ import annotations

from core.commands import Command
from core.commands.context import Context
from core.commands.voice_channels import need_channels
from core.locale import mark
from core.models import Reply

HELP = mark("Come into your voice channel, to be heard there")


async def join(ctx: Context) -> Reply:
    """Join and announce it where everybody reads it."""
    name = await need_channels(ctx.platform, ctx.message).join(ctx.message)
    told = ctx.text(
        "I am in {channel} now and say there what you give me with /say. /read on reads this chat "
        "aloud, /stop makes me silent, /leave sends me away. My voices are made by a computer.",
        channel=name,
    )
    return Reply(told)


command = Command(HELP, join, needs_voice_channels=True)
