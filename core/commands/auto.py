"""/auto: whether every voice note of the chat is written down without being asked."""

from __future__ import annotations

from dataclasses import replace

from core.commands import Command
from core.commands.arguments import first_word
from core.commands.context import Context
from core.errors import UserError
from core.locale import mark
from core.models import Reply

HELP = mark("Write down every voice note here: on or off (admins)")


async def auto(ctx: Context) -> Reply:
    """Change the setting, or show it when nothing is said."""
    if ctx.message.is_private:
        return Reply(ctx.text("Here I write down every voice note anyway."))
    choice = first_word(ctx.message.text)
    if choice not in ("", "on", "off"):
        raise UserError("Say /auto on or /auto off.")
    is_auto = ctx.settings.is_auto
    if choice:
        await ctx.require_admin()
        is_auto = choice == "on"
        await ctx.store.chats.save_settings(
            ctx.message.chat, replace(ctx.settings, is_auto=is_auto)
        )
    if is_auto:
        return Reply(ctx.text("I write down every voice note in this chat. /auto off ends it."))
    return Reply(ctx.text("I write down a voice note when you answer it with /transcribe."))


command = Command(HELP, auto, usage="on | off", is_for_admins=True)
