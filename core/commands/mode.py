"""/mode: what a voice note in a private chat asks for."""

from __future__ import annotations

from dataclasses import replace

from core.commands import Command
from core.commands.arguments import first_word
from core.commands.context import Context
from core.errors import UserError
from core.locale import mark
from core.models import NoteMode, Reply

HELP = mark("What your voice notes ask for: transcribe, ask or both")

SAID = {
    NoteMode.TRANSCRIBE: mark("I write down your voice notes."),
    NoteMode.ASK: mark("Your voice notes are questions: I answer them."),
    NoteMode.BOTH: mark("I write down your voice notes and answer them."),
}


async def mode(ctx: Context) -> Reply:
    """Change the mode, or show it when nothing is said."""
    if not ctx.message.is_private:
        raise UserError("This is for private chats. Here a voice note is answered with /ask.")
    choice = first_word(ctx.message.text)
    notes = ctx.settings.talk.notes
    if choice:
        if choice not in set(NoteMode):
            raise UserError("Say /mode transcribe, /mode ask or /mode both.")
        notes = NoteMode(choice)
        talk = replace(ctx.settings.talk, notes=notes)
        await ctx.store.chats.save_settings(ctx.message.chat, replace(ctx.settings, talk=talk))
    return Reply(ctx.text(SAID[notes]))


command = Command(HELP, mode, usage="transcribe | ask | both", is_ephemeral=True)
