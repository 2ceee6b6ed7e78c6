"""The web chat: a page on this machine, for one person who need not have any other platform."""

from bots.web_chat.bot import WebChat

__all__ = ["WebChat"]
