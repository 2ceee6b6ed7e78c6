"""The Discord bot: messages and interactions in, replies out, over gateway and REST API."""

from __future__ import annotations

import warnings

with warnings.catch_warnings():
    # discord.py uses audioop, which Python 3.13 removes from the standard library.
    warnings.filterwarnings("ignore", "'audioop' is deprecated", DeprecationWarning)
    from bots.discord_bot.bot import DiscordBot

__all__ = ["DiscordBot"]
