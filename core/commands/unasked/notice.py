"""What an operator is told: see `core.operations.alerts`."""

from __future__ import annotations

from core.commands import Command
from core.commands.context import Context
from core.locale import mark
from core.models import Reply


async def notice(ctx: Context) -> Reply:
    """Answer with what is to be told: only the program itself writes such a message."""
    return Reply(ctx.message.text)


command = Command(mark("Tell an operator something"), notice, is_listed=False)
