"""The Telegram platform: messages in, replies out, over the Bot API."""

from bots.telegram_bot.bot import TelegramBot

__all__ = ["TelegramBot"]
