"""/language: the language spoken in the chat."""

from __future__ import annotations

from babel import Locale, UnknownLocaleError

from core.commands import Command
from core.commands.arguments import Argument, ArgumentInput, first_word, suggest_languages
from core.commands.context import Context
from core.errors import UserError
from core.locale import mark
from core.models import Reply, Suggestion


async def language(ctx: Context) -> Reply:
    """Change the language, or show it."""
    choice, settings = first_word(ctx.message.text), ctx.settings
    if choice:
        if choice != "auto" and _name(choice, "en") is None:
            raise UserError("Unknown language. Example: /language en")
        await ctx.require_admin()
        settings = await ctx.save_settings(language=None if choice == "auto" else choice)
    if settings.language is None:
        return Reply(ctx.text("Language is detected automatically."))
    name = _name(settings.language, ctx.message.language)
    return Reply(ctx.text("Language: {language}. /language auto detects it.", language=name))


def _name(tag: str, reader: str) -> str | None:
    """Return the name of the language `tag` in the reader's language, None if unknown."""
    try:
        locale = Locale.parse(tag, sep="-")
    except (ValueError, UnknownLocaleError):
        return None
    return locale.get_display_name("zh" if reader.lower().startswith("zh") else "en")


async def suggest(entered: ArgumentInput) -> list[Suggestion]:
    """Suggest detection and the languages."""
    return [Suggestion("auto"), *await suggest_languages(entered)]


command = Command(
    mark("Set the spoken language: en, zh, … or auto"),
    language,
    usage="en | zh | auto",
    arguments=(Argument("language", mark("Spoken language"), suggest=suggest),),
    is_ephemeral=True,
    is_for_admins=True,
)
