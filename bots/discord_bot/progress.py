"""Shows the text so far, at the pace that Discord allows."""

from __future__ import annotations

from bots.discord_bot.client import Client
from core.interfaces import Envelope


class Progress:
    """Edits a message with the newest text."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def show(self, envelope: Envelope, text: str, *, is_lasting: bool = False) -> None:
        """Take the newest text; it never raises."""

    async def close(self) -> None:
        """Stop what still runs."""
