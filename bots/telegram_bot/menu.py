"""Sets the menu of commands, in each language, and only when it changed."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product

import telegram
from telegram import BotCommand, BotCommandScopeAllGroupChats, BotCommandScopeAllPrivateChats

from core.locale import LANGUAGES, translate

#: Telegram takes so many characters for what a command does.
MAX_HELP_CHARS = 256
SCOPES = (BotCommandScopeAllPrivateChats(), BotCommandScopeAllGroupChats())


def build_commands(menu: Iterable[tuple[str, str]], language: str) -> list[BotCommand]:
    """Return Telegram's form of `menu`: (name, key of its help text) each."""
    return [BotCommand(name, translate(text, language)[:MAX_HELP_CHARS]) for name, text in menu]


async def update_menu(bot: telegram.Bot, menu: Iterable[tuple[str, str]]) -> int:
    """Bring Telegram's menu up to date and return how many of its forms changed.

    An empty `menu` leaves alone what is there.
    Raises telegram.error.TelegramError.
    """
    entries, changed = list(menu), 0
    for language, scope in product(("", *LANGUAGES) if entries else (), SCOPES):
        wanted = build_commands(entries, language)
        if list(await bot.get_my_commands(scope, language)) != wanted:
            await bot.set_my_commands(wanted, scope, language)
            changed += 1
    return changed
