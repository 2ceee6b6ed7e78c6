"""/help: the list of commands, made from the command table."""

from __future__ import annotations

from core.commands import Command, menu
from core.commands.context import Context
from core.locale import mark
from core.models import Reply


async def show_help(ctx: Context) -> Reply:
    """List the commands, after what to do with recordings."""
    lines = [ctx.text("Send me a voice message, video message or any recording to transcribe it.")]
    if not ctx.message.is_private:
        lines = [ctx.text("Reply to a voice message with /transcribe to transcribe it.")]
    lines.append("")
    for name, command in menu(has_voice=ctx.platform.voice is not None):
        usage = f" {command.usage}" if command.usage else ""
        lines.append(f"/{name}{usage} – {ctx.text(command.help)}")
    return Reply("\n".join(lines))


command = Command(mark("Show all commands"), show_help, is_ephemeral=True)
