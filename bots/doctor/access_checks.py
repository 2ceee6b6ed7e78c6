"""Checks of who may use the bot."""

from __future__ import annotations

from bots.doctor.results import CheckRun, Result, ok, warn
from core.models import ASK


async def check_access(run: CheckRun) -> Result:
    """Check that the operator knows who may use the bot, and at whose cost."""
    settings = run.settings
    if not (settings.telegram_bot_token or settings.discord_bot_token):
        return ok("no chat platform is on")
    listed = [one for one in settings.allowed_chats if one != ASK]
    if not settings.allowed_chats:
        text = "anybody who finds the bot can use it and spend the budget"
        cure = "Name chats and people in ALLOWED_CHATS, or set it to ask, with ADMIN_IDS."
        return warn(text, cure)
    who = f"{len(listed)} listed in ALLOWED_CHATS" if listed else "those that an operator approves"
    if listed and ASK in settings.allowed_chats:
        who += ", and those that an operator approves"
    return ok(who)
