"""/stop: stop speaking in the voice channel."""

from __future__ import annotations

from core.commands import Command
from core.commands.context import Context
from core.commands.voice_channels import require_present
from core.locale import mark
from core.models import Reply


async def stop(ctx: Context) -> Reply:
    """Drop what is being spoken and what is queued."""
    (await require_present(ctx)).stop(ctx.message)
    return Reply(ctx.text("Stopped."))


command = Command(mark("Stop speaking in the voice channel"), stop, needs_voice_channels=True)
