"""The reply to what was forwarded of somebody who has opted out: nothing of it was stored."""

from __future__ import annotations

from core.commands import Command
from core.commands.context import WITHHELD, Context
from core.models import Reply


async def explain(ctx: Context) -> Reply:
    """Say why there is no transcript."""
    return Reply(ctx.text(WITHHELD))


command = Command("", explain, is_listed=False)
