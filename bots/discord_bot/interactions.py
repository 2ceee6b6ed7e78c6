"""Takes interactions in: commands, menus of messages, buttons and what is being typed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import discord

from bots.discord_bot.client import Client
from core.interfaces import Door
from core.models import Job, Message

Accept = Callable[[Message, str], Awaitable[Job | None]]


class Interactions:
    """Answers within a second that it was heard, then hands in what was asked."""

    def __init__(self, client: Client, door: Door, accept: Accept) -> None:
        """Take where to hand messages in.

        accept: commits a message of a server (its id, empty in private) if that may use the bot;
        raises what the door raises.
        """
        self._client = client
        self._door = door
        self._accept = accept

    async def start(self) -> None:
        """Bring the commands that Discord shows up to date; called once, after the login."""

    async def take(self, interaction: discord.Interaction) -> None:
        """Take one interaction in."""
