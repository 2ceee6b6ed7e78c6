"""The button Retry under a failure."""

from __future__ import annotations

from core.commands import Command
from core.commands.context import Context
from core.locale import mark
from core.models import Reply


async def retry(ctx: Context) -> Reply:
    """Run the dead letter again; its own answer takes the failure's place, so say nothing."""
    await ctx.store.jobs.retry(ctx.message.text)
    return Reply()


command = Command(mark("Try again"), retry, is_listed=False)
