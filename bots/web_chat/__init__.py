"""The web chat: a page on this machine that works without any other platform."""

from bots.web_chat.bot import WebChat

__all__ = ["WebChat"]
