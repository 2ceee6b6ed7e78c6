"""/mode: what happens to a voice message in a private chat."""

from __future__ import annotations

from core.commands import Command
from core.commands.context import Context
from core.errors import UserError
from core.locale import mark
from core.models import NoteMode, Reply
from core.permissions import Action

DESCRIPTIONS = {
    NoteMode.TRANSCRIBE: mark("Voice messages are transcribed."),
    NoteMode.ASK: mark("Voice messages are answered as questions."),
    NoteMode.BOTH: mark("Voice messages are transcribed and answered."),
}


async def mode(ctx: Context) -> Reply:
    """Change the mode, or show it."""
    if not ctx.message.is_private:
        raise UserError("This is for private chats. Here, reply to a voice message with /ask.")
    settings = ctx.settings
    if choice := ctx.read_choice(*NoteMode):
        settings = await ctx.save_settings(talk={"notes": NoteMode(choice)})
    return Reply(ctx.text(DESCRIPTIONS[settings.talk.notes]))


command = Command(
    mark("How your voice messages are handled: transcribe, ask or both"),
    mode,
    usage=mark("transcribe | ask | both"),
    is_ephemeral=True,
    # Of a private chat, which is the sender's own.
    action=lambda text: Action.CHANGE_OWN_SETTINGS,
)
