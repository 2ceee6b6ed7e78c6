"""The command menu: set in each language, and only when it changed."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product

import telegram
from telegram import BotCommand, BotCommandScopeAllGroupChats, BotCommandScopeAllPrivateChats

from core.locale import LANGUAGES, translate

#: Longest description of a command.
MAX_HELP_CHARS = 256
SCOPES = (BotCommandScopeAllPrivateChats(), BotCommandScopeAllGroupChats())


def build_commands(menu: Iterable[tuple[str, str]], language: str) -> list[BotCommand]:
    """Return `menu`, (name, msgid of its help text) pairs, as Telegram takes it."""
    return [BotCommand(name, translate(text, language)[:MAX_HELP_CHARS]) for name, text in menu]


async def update_menu(bot: telegram.Bot, menu: Iterable[tuple[str, str]]) -> int:
    """Update Telegram's menu and return in how many scopes and languages it changed.

    An empty `menu` changes nothing.
    Raises telegram.error.TelegramError.
    """
    entries, changed = list(menu), 0
    for language, scope in product(("", *LANGUAGES) if entries else (), SCOPES):
        wanted = build_commands(entries, language)
        if list(await bot.get_my_commands(scope, language)) != wanted:
            await bot.set_my_commands(wanted, scope, language)
            changed += 1
    return changed
