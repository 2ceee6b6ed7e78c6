"""/glossary: the corrections applied to this chat's transcripts."""

from __future__ import annotations

from core.commands import Command
from core.commands.arguments import Argument, split_word
from core.commands.context import Context
from core.errors import UserError
from core.locale import mark
from core.models import Correction, Reply
from core.permissions import Action, require
from core.safety import disable_links
from core.text.split import shorten_name

#: Beside the name of whoever made the correction.
OWN = mark("own recordings only")


async def glossary(ctx: Context) -> Reply:
    """List the corrections with their makers, or remove one: one's own, or any as an admin."""
    word, number = split_word(ctx.message.text)
    corrections = (await ctx.store.chats.settings(ctx.message.chat)).talk.glossary
    if not word:
        makers = tuple(sorted({one.by for one in corrections} - {""}))
        return Reply(_list(ctx, corrections), people=makers)
    if word != "remove" or not number.isdecimal():
        raise UserError("Example: /glossary remove 2")
    number = number[:9]
    if not 1 <= int(number) <= len(corrections):
        raise UserError("There is no correction {number}. /glossary lists all.", number=number)
    old = corrections[int(number) - 1]
    is_own = old.by != "" and old.by == ctx.message.sender_id
    await require(ctx.platform, ctx.message, Action.CHANGE_GLOSSARY, is_own=is_own)
    await ctx.save_settings(talk={"glossary": tuple(c for c in corrections if c != old)})
    return Reply(ctx.text("Removed: {heard} → {meant}", heard=old.heard, meant=old.meant))


def _list(ctx: Context, corrections: tuple[Correction, ...]) -> str:
    if not corrections:
        return ctx.text(
            "No corrections yet. Reply to a transcript with: no, it is Kowalski. "
            "Or with: Kovalsky = Kowalski"
        )
    lines = [f"{number}. {_describe(ctx, c)}" for number, c in enumerate(corrections, 1)]
    hint = ctx.text("/glossary remove 2 removes the second one.")
    return "\n".join([*map(disable_links, lines), "", hint])


def _describe(ctx: Context, correction: Correction) -> str:
    notes = [shorten_name(correction.by_name)]
    notes += [ctx.text(OWN)] if correction.is_own else []
    about = ctx.text(", ").join(filter(None, notes))
    return f"{correction.heard} → {correction.meant}" + (f" ({about})" if about else "")


command = Command(
    mark("List the corrections of transcripts, or remove one"),
    glossary,
    usage=mark("remove N"),
    arguments=(Argument("remove", mark("Number of a correction"), template="remove {}"),),
    is_ephemeral=True,
)
