"""/auto: transcribe every voice message of the chat without being asked."""

from __future__ import annotations

from core.commands import Command
from core.commands.context import Context
from core.locale import mark
from core.models import Reply
from core.text.scripts import join_texts


async def auto(ctx: Context) -> Reply:
    """Change the setting, or show it."""
    if ctx.message.is_private:
        text = ctx.text("In private chats every voice message is transcribed automatically.")
        return Reply(text)
    settings = ctx.settings
    if choice := ctx.read_choice("on", "off"):
        settings = await ctx.save_settings(is_auto=choice == "on")
    if settings.is_auto and (blindness := await ctx.platform.explain_blindness(ctx.message)):
        return Reply(join_texts([ctx.text("/auto is on."), ctx.text(blindness)]))
    if settings.is_auto:
        return Reply(ctx.text("Every voice message here is transcribed. /auto off turns this off."))
    how_to = ctx.text("Reply to a voice message with /transcribe to transcribe it.")
    return Reply(join_texts([ctx.text("/auto is off."), how_to]))


command = Command(
    mark("Transcribe every voice message here: on or off (admins)"),
    auto,
    usage=mark("on | off"),
    is_for_admins=True,
)
