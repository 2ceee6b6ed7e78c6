"""Messages to an operator, see `core.operations.alerts`, and from one to all chats."""

from __future__ import annotations

from core.commands import Command
from core.commands.context import Context
from core.models import Reply
from core.permissions import Action


async def notice(ctx: Context) -> Reply:
    """Reply with the message's own text. Only the program itself sends such messages."""
    return Reply(ctx.message.text)


async def broadcast(ctx: Context) -> Reply:
    """Reply with the operator's text, where the bot may be used."""
    return Reply(ctx.message.text if ctx.platform.is_allowed(ctx.message) else "")


command = Command("", notice, is_listed=False, action=lambda text: Action.SCHEDULED)
to_all = Command("", broadcast, is_listed=False, action=lambda text: Action.SCHEDULED)
