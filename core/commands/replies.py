"""/replies: when replies come as voice messages too."""

from __future__ import annotations

from core.commands import Command
from core.commands.context import Context
from core.locale import mark
from core.models import RepliesMode, Reply

DESCRIPTIONS = {
    RepliesMode.OFF: mark("Replies are text only. Press Listen to hear one."),
    RepliesMode.AUTO: mark("Voice messages get voice replies."),
    RepliesMode.ALWAYS: mark("Every reply also comes as a voice message."),
}


async def replies(ctx: Context) -> Reply:
    """Change the mode, or show it."""
    settings = ctx.settings
    if choice := ctx.read_choice(*RepliesMode):
        settings = await ctx.save_settings(replies=RepliesMode(choice))
    return Reply(ctx.text(DESCRIPTIONS[settings.replies]))


command = Command(
    mark("Voice replies: off, auto (voice in, voice out) or always"),
    replies,
    usage=mark("off | auto | always"),
    is_ephemeral=True,
    is_for_admins=True,
)
