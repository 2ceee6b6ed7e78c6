"""Sets the commands that Discord shows, in each language, and only when they changed.

All of it is made from the command table. Bodies are those of Discord's application commands.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import chain
from typing import Any

import discord
from discord.http import Route

from bots.discord_bot.client.gateway import DiscordClient
from core import commands
from core.commands import Command
from core.commands.arguments import Argument, MessageAction
from core.locale import LANGUAGES, mark, translate

CHAT_INPUT, MESSAGE = 1, 3
#: Discord's own entry point of an activity: to leave it out would be an error.
_ENTRY_POINT = 4
STRING, ATTACHMENT = 3, 11
#: Discord takes so many characters for what a command or a field does.
MAX_HELP_CHARS = 100
MAX_TEXT_CHARS = 6000

#: The option that takes a file.
RECORDING = "recording"
RECORDING_HELP = mark("A voice note or another recording")

#: What Discord takes as a name of a command or an option, and in the menu of a message. One name
#: that it does not take, and it refuses the whole table.
_WORD, _LABEL = re.compile(r"[-_'\w]{1,32}"), re.compile(r".{1,32}")

#: Where it can be installed, and where it can then be used.
GUILD, PERSON = 0, 1
IN_GUILD, WITH_BOT, AMONG_PEOPLE = 0, 1, 2

#: Our languages -> those of Discord's apps.
_LOCALES = {"zh": ("zh-CN", "zh-TW")}
#: What Discord leaves out, or writes as null, where nothing was chosen.
_UNSET: tuple[object, ...] = (None, False, "", [], {})


def build_menu() -> list[dict[str, Any]]:
    """Return all slash commands and all entries of the menu of messages."""
    menu = commands.menu(has_voice=True)
    slash = (build_slash(name, command) for name, command in menu)
    message_actions = (build_use(use) for _, command in menu for use in command.message_actions)
    return [*slash, *message_actions]


def build_slash(name: str, command: Command) -> dict[str, Any]:
    """Return a slash command."""
    body = {
        "type": CHAT_INPUT,
        **_name(name),
        **_describe(command.help),
        "options": build_options(command),
        "integration_types": [GUILD, PERSON],
        "contexts": [IN_GUILD, WITH_BOT, AMONG_PEOPLE],
    }
    if command.needs_voice_channels:
        return body | {"integration_types": [GUILD], "contexts": [IN_GUILD]}
    if command.is_for_admins:
        # Elsewhere there is nothing that only admins may choose.
        rights = discord.Permissions(manage_guild=True).value
        body |= {
            "integration_types": [GUILD],
            "contexts": [IN_GUILD, WITH_BOT],
            "default_member_permissions": str(rights),
        }
    return body


def build_use(use: MessageAction) -> dict[str, Any]:
    """Return an entry of the menu of messages."""
    return {
        "type": MESSAGE,
        **_name(use.label, _LABEL),
        "integration_types": [GUILD, PERSON],
        "contexts": [IN_GUILD, WITH_BOT, AMONG_PEOPLE],
    }


def build_options(command: Command) -> list[dict[str, Any]]:
    """Return the options of a slash command: Discord wants the required ones first."""
    fields = sorted(command.arguments, key=lambda field: not field.is_required)
    options = [_build_option(field) for field in fields]
    if command.takes_audio:
        help_ = _describe(RECORDING_HELP)
        options.append({"type": ATTACHMENT, **_name(RECORDING), **help_})
    return options


def _build_option(field: Argument) -> dict[str, Any]:
    option = {"type": STRING, **_name(field.name), **_describe(field.help)}
    option |= {"required": field.is_required, "autocomplete": field.suggest is not None}
    if field.choices:
        return option | {"choices": [{"name": value, "value": value} for value in field.choices]}
    return option | {"max_length": MAX_TEXT_CHARS}


def _name(name: str, form: re.Pattern[str] = _WORD) -> dict[str, Any]:
    """Return a name, and its translations as far as Discord takes them for names."""
    localized = {code: text for code, text in _translations(name).items() if form.fullmatch(text)}
    return {"name": name, "name_localizations": localized}


def _describe(text: str) -> dict[str, Any]:
    described = {code: _cut(words) for code, words in _translations(text).items()}
    return {"description": _cut(text), "description_localizations": described}


def _cut(text: str) -> str:
    return text if len(text) <= MAX_HELP_CHARS else f"{text[: MAX_HELP_CHARS - 1]}…"


def _translations(text: str) -> dict[str, str]:
    """Return a text by the locales of Discord's apps that see another one than English."""
    by_language = ((language, translate(text, language)) for language in LANGUAGES)
    changed = ((language, words) for language, words in by_language if words != text)
    return {code: words for language, words in changed for code in _LOCALES[language]}


def build_table(known: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the table that is to be, and in it what Discord itself has put into the known one."""
    return [*build_menu(), *(dict(one) for one in known if one.get("type") == _ENTRY_POINT)]


async def update_menu(client: DiscordClient) -> int:
    """Bring Discord's table up to date and return how many commands it has now, 0 if it was.

    Raises what the client's calls raise.
    """
    application_id = client.application_id
    assert application_id is not None
    route = Route("GET", "/applications/{application_id}/commands", application_id=application_id)
    # Without this Discord tells its reader's language only.
    known = await client.http.request(route, params={"with_localizations": "true"})
    wanted = build_table(known)
    if is_same(wanted, known):
        return 0
    await client.http.bulk_upsert_global_commands(application_id, wanted)
    return len(wanted)


def is_same(wanted: Iterable[Mapping[str, Any]], known: Iterable[Mapping[str, Any]]) -> bool:
    """Tell whether Discord's table says what ours says, whatever else it notes of commands."""
    ours = {(one["type"], one["name"]): one for one in wanted}
    theirs = {(one.get("type", CHAT_INPUT), one["name"]): one for one in known}
    return ours.keys() == theirs.keys() and all(
        _holds(theirs[key], command) for key, command in ours.items()
    )


def _holds(known: Any, wanted: Any) -> bool:
    if isinstance(wanted, Mapping) and isinstance(known, Mapping):
        names = chain(wanted, _MATTER & known.keys())
        return all(_holds(known.get(name), wanted.get(name)) for name in names)
    if isinstance(wanted, list) and isinstance(known, list):
        if all(isinstance(one, int) for one in chain(wanted, known)):
            return sorted(wanted) == sorted(known)
        return len(wanted) == len(known) and all(map(_holds, known, wanted))
    return bool(known == wanted or (known in _UNSET and wanted in _UNSET))


#: What counts too where ours leaves it out.
_MATTER = frozenset({"options", "choices", "default_member_permissions", "zh-CN", "zh-TW"})
