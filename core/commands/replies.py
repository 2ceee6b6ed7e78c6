"""/replies: whether answers are spoken as well as written."""

from __future__ import annotations

from dataclasses import replace

from core.commands import Command
from core.commands.arguments import first_word
from core.commands.context import Context
from core.errors import UserError
from core.locale import mark
from core.models import RepliesMode, Reply

HELP = mark("Answers spoken too: off, auto (voice in, voice out) or always")

SAID = {
    RepliesMode.OFF: mark("I answer in writing. Listen stands under what I can say."),
    RepliesMode.AUTO: mark("Ask me by voice and I answer by voice."),
    RepliesMode.ALWAYS: mark("I say every answer aloud as well."),
}


async def replies(ctx: Context) -> Reply:
    """Change the mode, or show it when nothing is said."""
    choice = first_word(ctx.message.text)
    mode = ctx.settings.replies
    if choice:
        if choice not in set(RepliesMode):
            raise UserError("Say /replies off, /replies auto or /replies always.")
        await ctx.require_admin()
        mode = RepliesMode(choice)
        await ctx.store.chats.save_settings(ctx.message.chat, replace(ctx.settings, replies=mode))
    return Reply(ctx.text(SAID[mode]))


command = Command(HELP, replies, usage="off | auto | always", is_ephemeral=True, is_for_admins=True)
