"""Chat platforms. A new one is one folder here and one line in this table."""

#: Name -> "module:Class", loaded when it is started.
PLATFORMS = {
    "telegram": "bots.telegram_bot:TelegramBot",
    "web": "bots.web_chat:WebChat",
}
