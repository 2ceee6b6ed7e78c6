"""A button that is no longer known, or that never was."""

from __future__ import annotations

from core.commands import Command
from core.commands.context import Context
from core.errors import UserError
from core.locale import mark
from core.models import Reply


async def stale_button(ctx: Context) -> Reply:
    """Say so."""
    raise UserError("This button no longer works. Send the recording again.")


command = Command(mark("Answer an old button"), stale_button, is_listed=False)
