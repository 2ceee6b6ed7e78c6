"""/help: what the bot can do, made from the command table."""

from __future__ import annotations

from core.commands import Command, menu
from core.commands.context import Context
from core.locale import mark
from core.models import Reply

HELP = mark("What I can do")


async def show_help(ctx: Context) -> Reply:
    """List the commands and say how recordings are treated."""
    lines = [ctx.text("Send me a voice note, a round video or any recording: I write it down.")]
    if not ctx.message.is_private:
        lines = [ctx.text("Answer a voice note with /transcribe and I write it down.")]
    lines.append("")
    for name, command in menu(has_voice=ctx.platform.voice is not None):
        usage = f" {command.usage}" if command.usage else ""
        lines.append(f"/{name}{usage} – {ctx.text(command.help)}")
    return Reply("\n".join(lines))


command = Command(HELP, show_help, is_ephemeral=True)
