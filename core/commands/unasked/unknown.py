"""The reply to a command that does not exist: its name, and those that look like it."""

from __future__ import annotations

from core.commands import Command, menu_of
from core.commands.context import Context
from core.models import Button, Reply

#: How similar a name must be to be offered, in percent; and how many are.
_LEAST_PERCENT, _MOST = 60, 3


async def unknown(ctx: Context) -> Reply:
    """Name the command and offer similar ones, which take over what was typed after it."""
    # Only here: 6 MB that few people make the program need.
    from rapidfuzz import fuzz, process

    typed, rest = ctx.message.command, ctx.message.text
    if typed == "unknown":  # platforms send what they know to be meant for us so
        typed, _, rest = rest.partition(" ")
    names = [name for name, _ in menu_of(ctx.platform)]
    found = process.extract(
        typed, names, scorer=fuzz.ratio, score_cutoff=_LEAST_PERCENT, limit=_MOST
    )
    similar = [name for name, *_ in found]
    text = ctx.text("I don't know /{command}. /help lists all commands.", command=typed)
    if similar:
        text = ctx.text("I don't know /{command}. Did you mean one of these?", command=typed)
    buttons = (Button(f"/{name}", name, rest) for name in similar)
    return Reply(text, buttons=(*buttons, Button(ctx.text("Help"), "help")))


command = Command("", unknown, is_listed=False)
