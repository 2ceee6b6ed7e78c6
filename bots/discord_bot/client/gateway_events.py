"""Who is told what the gateway says."""

from __future__ import annotations

from typing import Any, Protocol

import discord


class Listener(Protocol):
    """Who is told what the gateway says: in its order, at once, and it must not wait."""

    def hear(self, kind: str, raw: dict[str, Any]) -> None:
        """Take a message event: MESSAGE_CREATE, _UPDATE, _DELETE or _DELETE_BULK."""

    def start_session(self, shard_id: int) -> None:
        """Take note that what happened before on this shard was missed."""

    def complete_session(self, shard_id: int) -> None:
        """Take note that the servers of the shard are known, with their channels."""

    def add_guild(self, guild_id: int) -> None:
        """Take note that a server is there, again or for the first time."""

    def take_interaction(self, interaction: discord.Interaction) -> None:
        """Take a command, a button or what is being typed."""

    def note_move(self, member: discord.Member) -> None:
        """Take note that somebody came into a voice channel, went or changed there."""
