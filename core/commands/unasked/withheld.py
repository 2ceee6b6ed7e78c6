"""The reply to what was forwarded of somebody who has opted out: nothing of it was stored."""

from __future__ import annotations

from core.commands import Command
from core.commands.context import Context
from core.models import Reply


async def explain(ctx: Context) -> Reply:
    """Say why there is no transcript."""
    text = "Whoever said or wrote this has opted out: it is neither transcribed nor stored."
    return Reply(ctx.text(text))


command = Command("", explain, is_listed=False)
