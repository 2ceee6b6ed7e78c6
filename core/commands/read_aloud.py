"""/read: whether what is written in the chat is read aloud in the voice channel."""

from __future__ import annotations

from core.commands import Command
from core.commands.arguments import first_word
from core.commands.context import Context
from core.commands.voice_channels import need_say
from core.errors import UserError
from core.locale import mark
from core.models import Reply

HELP = mark("Read this chat aloud in the voice channel: on or off")


async def read(ctx: Context) -> Reply:
    """Begin or end it, and announce that where everybody reads it."""
    choice = first_word(ctx.message.text)
    if choice not in ("", "on", "off"):
        raise UserError("Say /read on or /read off.")
    channels = await need_say(ctx.platform, ctx.message)
    if choice:
        channels.read(ctx.message, is_on=choice == "on")
    if not channels.is_read(ctx.message):
        return Reply(ctx.text("I do not read this chat aloud. /read on begins it."))
    told = ctx.text(
        "From now on what is written here is heard in {channel}, each person in a voice of their "
        "own. /voice chooses yours, /read off ends it.",
        channel=channels.find(ctx.message),
    )
    return Reply(told)


command = Command(HELP, read, usage="on | off", needs_voice_channels=True)
