"""The Discord platform: messages and interactions in, replies out, over gateway and REST."""

from __future__ import annotations

import warnings

with warnings.catch_warnings():
    # discord.py takes audioop from Python's own library, which is to lose it.
    warnings.filterwarnings("ignore", "'audioop' is deprecated", DeprecationWarning)
    from bots.discord_bot.bot import DiscordBot

__all__ = ["DiscordBot"]
