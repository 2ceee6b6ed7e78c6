"""/join: join the sender's voice channel."""

from __future__ import annotations

from core.commands import Command
from core.commands.context import Context
from core.commands.voice_channels import require_channels
from core.locale import mark
from core.models import Reply
from core.permissions import Action


async def join(ctx: Context) -> Reply:
    """Join, and announce it in the chat, where everybody sees it."""
    name = await require_channels(ctx).join(ctx.message)
    text = ctx.text(
        "Joined {channel}. What you send with /say is spoken there. /read on reads this chat "
        "aloud, /stop stops playback, /leave disconnects me. My voices are AI-generated.",
        channel=name,
    )
    return Reply(text)


command = Command(
    mark("Join your voice channel"),
    join,
    needs_voice_channels=True,
    action=lambda text: Action.JOIN_VOICE,
)
