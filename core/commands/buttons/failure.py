"""The button Retry under a failure, and the reply to buttons and forms that no longer work."""

from __future__ import annotations

from core.commands import Command
from core.commands.context import Context
from core.errors import UserError
from core.models import FORM_TOKEN, Reply


async def retry_job(ctx: Context) -> Reply:
    """Run a dead letter again. Its own reply takes the place of the failure, so this is empty."""
    await ctx.store.jobs.retry(ctx.message.text)
    return Reply()


async def refuse(ctx: Context) -> Reply:
    """Raise UserError."""
    if ctx.message.button.startswith(FORM_TOKEN):
        raise UserError("This has expired. Please start again.")
    raise UserError("This button has expired. Send the recording again.")


retry = Command("", retry_job, is_listed=False)
stale_button = Command("", refuse, is_listed=False)
