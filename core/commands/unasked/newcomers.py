"""The note to people who joined a chat that keeps a history."""

from __future__ import annotations

from core.commands import Command
from core.commands.context import Context
from core.locale import Plural, mark
from core.models import Reply

NOTE = mark(
    "If you are new here: I am an AI assistant. What is written and said here is stored for "
    "{days}, encrypted, for summaries and search. /remember me off keeps yours out, /privacy says "
    "more."
)


async def welcome(ctx: Context) -> Reply:
    """Say what is stored here; nothing if that has been turned off meanwhile, or the bot banned."""
    days = ctx.settings.talk.remember_days
    if not days or not ctx.platform.is_allowed(ctx.message):
        return Reply()
    return Reply(ctx.text(NOTE, days=Plural("{count} day", "{count} days", days)))


command = Command("", welcome, is_listed=False, is_silent=True)
