"""Messages to an operator: see `core.operations.alerts`."""

from __future__ import annotations

from core.commands import Command
from core.commands.context import Context
from core.models import Reply
from core.permissions import Action


async def notice(ctx: Context) -> Reply:
    """Reply with the message's own text. Only the program itself sends such messages."""
    return Reply(ctx.message.text)


command = Command("", notice, is_listed=False, action=lambda text: Action.SCHEDULED)
