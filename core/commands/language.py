"""/language: the language that is spoken in the chat."""

from __future__ import annotations

from dataclasses import replace

from babel import Locale, UnknownLocaleError

from core.commands import Command
from core.commands.arguments import Argument, ArgumentInput, first_word, suggest_languages
from core.commands.context import Context
from core.errors import UserError
from core.locale import mark
from core.models import Reply, Suggestion

HELP = mark("The language spoken here: en, zh, … or auto")


async def language(ctx: Context) -> Reply:
    """Change the language, or show it when nothing is said."""
    choice = first_word(ctx.message.text)
    spoken = ctx.settings.language
    if choice:
        name = _name(choice, ctx.message.language) if choice != "auto" else ""
        if name is None:
            raise UserError("I do not know this language. Say for example: /language en")
        await ctx.require_admin()
        spoken = None if choice == "auto" else choice
        changed = replace(ctx.settings, language=spoken)
        await ctx.store.chats.save_settings(ctx.message.chat, changed)
    if spoken is None:
        return Reply(ctx.text("I find out by myself which language is spoken."))
    name = _name(spoken, ctx.message.language)
    return Reply(ctx.text("I listen for {language}. /language auto: find out.", language=name))


def _name(tag: str, reader: str) -> str | None:
    """Return what the language `tag` is called in the reader's language, None if unknown."""
    try:
        locale = Locale.parse(tag, sep="-")
    except (ValueError, UnknownLocaleError):
        return None
    return locale.get_display_name("zh" if reader.lower().startswith("zh") else "en")


async def suggest(typing: ArgumentInput) -> list[Suggestion]:
    """Offer to find out, and the languages."""
    return [Suggestion("auto"), *await suggest_languages(typing)]


command = Command(
    HELP,
    language,
    usage="en | zh | auto",
    arguments=(Argument("language", mark("The language that is spoken"), suggest=suggest),),
    is_ephemeral=True,
    is_for_admins=True,
)
