"""/think: whether the engine may think before it answers."""

from __future__ import annotations

from dataclasses import replace

from core.commands import Command
from core.commands.arguments import first_word
from core.commands.context import Context
from core.errors import UserError
from core.locale import mark
from core.models import Reply

HELP = mark("Think before answering: on or off (better, and slower)")


async def think(ctx: Context) -> Reply:
    """Change the setting, or show it when nothing is said."""
    choice = first_word(ctx.message.text)
    if choice not in ("", "on", "off"):
        raise UserError("Say /think on or /think off.")
    is_thinking = ctx.settings.talk.is_thinking
    if choice:
        await ctx.require_admin()
        is_thinking = choice == "on"
        talk = replace(ctx.settings.talk, is_thinking=is_thinking)
        await ctx.store.chats.save_settings(ctx.message.chat, replace(ctx.settings, talk=talk))
    if not is_thinking:
        return Reply(ctx.text("I answer at once. /think on lets me think first."))
    if not ctx.answering.answerer.limits.can_think:
        return Reply(ctx.text("Thinking is on, but the engine that answers here cannot."))
    return Reply(ctx.text("I think before I answer. /think off ends it."))


command = Command(HELP, think, usage="on | off", is_ephemeral=True, is_for_admins=True)
