"""Chat platforms. A new one is one folder here and one line in this table."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from core.config import Settings

#: Name -> "module:Class", loaded when the platform is started.
PLATFORMS = {
    "telegram": "bots.telegram_bot.bot:TelegramBot",
    "discord": "bots.discord_bot:DiscordBot",
    "web": "bots.web_chat:WebChat",
}

#: Name -> the setting that holds its token. Without it the platform is off, its SDK not loaded.
TOKEN_SETTINGS = {"telegram": "telegram_bot_token", "discord": "discord_bot_token"}

#: Name -> "module:Class" of a connection that is opened before the rest of the program is loaded;
#: the platform is built with it.
CLIENTS = {"telegram": "bots.telegram_bot.client:TelegramClient"}


def list_platforms(settings: Settings) -> list[str]:
    """Return the names of the configured platforms."""
    tokens = {name: getattr(settings, token) for name, token in TOKEN_SETTINGS.items()}
    return [name for name in PLATFORMS if tokens.get(name, "") is not None]


def load(location: str) -> Any:
    """Return what a line of these tables names, "module:Class"."""
    module, _, attribute = location.partition(":")
    return getattr(import_module(module), attribute)
