"""Chat platforms. A new one is one folder here and one line in this table."""

#: Name -> "module:Class", loaded when the platform is started.
PLATFORMS = {
    "telegram": "bots.telegram_bot:TelegramBot",
    "discord": "bots.discord_bot:DiscordBot",
    "web": "bots.web_chat:WebChat",
}

#: Name -> the setting that holds its token. Without it the platform is off, its SDK not loaded.
TOKEN_SETTINGS = {"telegram": "telegram_bot_token", "discord": "discord_bot_token"}
