"""/read: read the chat's messages aloud in the voice channel."""

from __future__ import annotations

from core.commands import Command
from core.commands.context import Context
from core.commands.voice_channels import require_present
from core.locale import mark
from core.models import Reply


async def read(ctx: Context) -> Reply:
    """Start or stop reading; announced in the chat, where everybody sees it."""
    choice = ctx.read_choice("on", "off")
    channels = await require_present(ctx)
    if choice:
        channels.read(ctx.message, is_on=choice == "on")
    if not channels.is_read(ctx.message):
        return Reply(ctx.text("Reading aloud is off. /read on turns it on."))
    text = ctx.text(
        "Messages here are now read aloud in {channel}, each person in their own voice. "
        "/voice sets yours, /read off stops it.",
        channel=channels.find(ctx.message),
    )
    return Reply(text)


command = Command(
    mark("Read this chat aloud in the voice channel: on or off"),
    read,
    usage=mark("on | off"),
    needs_voice_channels=True,
)
