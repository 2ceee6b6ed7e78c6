"""/help: the list of commands, made from the command table."""

from __future__ import annotations

from core.commands import Command, menu_of
from core.commands.context import Context
from core.locale import mark
from core.models import Reply, Span
from core.text.scripts import join_texts

#: Title and commands of each group; the rest is in the last one.
GROUPS = (
    (mark("Voice messages"), ("transcribe", "ask", "translate", "mode", "auto", "cancel")),
    (mark("Summaries"), ("summary", "digest", "remember", "find", "forget", "privacy", "export")),
    (mark("Reading aloud"), ("say", "voice", "style", "replies")),
    (mark("Voice channels"), ("join", "leave", "stop", "read")),
    (mark("Settings"), ()),
)
#: The same in each language; a platform may word it otherwise.
LINE = "/{name}{usage} – {help}"


async def show_help(ctx: Context) -> Reply:
    """List the commands in groups, after what to do with recordings."""
    is_private = ctx.message.is_private
    how_to = ctx.text("Send me a voice message, video message or any recording to transcribe it.")
    if not is_private:
        how_to = ctx.text("Reply to a voice message with /transcribe to transcribe it.")
    text, spans = join_texts([how_to, ctx.describe_limit()]), []
    left = {
        name: one
        for name, one in menu_of(ctx.platform)
        if not (is_private and one.needs_voice_channels)
    }
    for title, names in GROUPS:
        group = {name: left.pop(name) for name in names or tuple(left) if name in left}
        if group:
            text += "\n\n"
            spans.append(Span(len(text), len(text) + len(ctx.text(title))))
            text += "\n".join([ctx.text(title), *(_describe(ctx, *one) for one in group.items())])
    return Reply(text, spans=tuple(spans))


def _describe(ctx: Context, name: str, command: Command) -> str:
    usage = f" {ctx.text(command.usage)}" if command.usage else ""
    return ctx.text(LINE).format(name=name, usage=usage, help=ctx.text(command.help))


command = Command(mark("Show all commands"), show_help, is_ephemeral=True)
