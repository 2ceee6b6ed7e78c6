"""/glossary: the corrections that this chat's transcripts get."""

from __future__ import annotations

from dataclasses import replace

from core.commands import Command
from core.commands.arguments import Argument
from core.commands.context import Context
from core.errors import UserError
from core.locale import mark
from core.models import Correction, Reply
from core.safety import disable_links

HELP = mark("Words that I always hear wrongly, and what is meant")


async def glossary(ctx: Context) -> Reply:
    """List the corrections with numbers, or remove one.

    Anybody in a group may correct a transcript, and with it add a word: it is seen at once by
    all and taken back with one press. To remove what others rest on is for admins.
    """
    word, _, rest = ctx.message.text.strip().partition(" ")
    known = (await ctx.store.chats.settings(ctx.message.chat)).talk.glossary
    if not word:
        return Reply(_list(ctx, known))
    number = rest.strip()
    if word.lower() not in ("remove", "删除") or not number.isdecimal():
        raise UserError("Say for example: /glossary remove 2")
    await ctx.require_admin()
    if not 1 <= int(number) <= len(known):
        raise UserError("There is no correction {number}. /glossary lists them.", number=number[:9])
    gone = known[int(number) - 1]
    await save(ctx, tuple(c for c in known if c != gone))
    return Reply(ctx.text("{heard} → {meant}: no longer.", heard=gone.heard, meant=gone.meant))


def _list(ctx: Context, known: tuple[Correction, ...]) -> str:
    if not known:
        return ctx.text(
            "No corrections yet. Answer a transcript with: no, it is Kowalski. "
            "Or with: Kovalsky = Kowalski"
        )
    lines = (disable_links(f"{number}. {c.heard} → {c.meant}") for number, c in enumerate(known, 1))
    return "\n".join([*lines, "", ctx.text("/glossary remove 2 removes the second one.")])


async def save(ctx: Context, known: tuple[Correction, ...]) -> None:
    """Keep the chat's corrections; its other choices stay as they are now."""
    settings = await ctx.store.chats.settings(ctx.message.chat)
    changed = replace(settings, talk=replace(settings.talk, glossary=known))
    await ctx.store.chats.save_settings(ctx.message.chat, changed)


command = Command(
    HELP,
    glossary,
    usage="remove N",
    arguments=(Argument("remove", mark("The number of the one to remove"), template="remove {}"),),
    is_ephemeral=True,
)
