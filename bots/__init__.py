"""Chat platforms. A new one is one folder here and one line in this table."""

#: Name -> "module:Class", loaded when it is started.
PLATFORMS = {
    "telegram": "bots.telegram_bot:TelegramBot",
    "discord": "bots.discord_bot:DiscordBot",
    "web": "bots.web_chat:WebChat",
}

#: Name -> the setting without which it is off: then its SDK is not even loaded.
SWITCHES = {"telegram": "telegram_bot_token", "discord": "discord_bot_token"}
