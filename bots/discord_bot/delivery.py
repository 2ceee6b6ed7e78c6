"""Sends replies: part by part, each once."""

from __future__ import annotations

from bots.discord_bot.client import Client
from bots.discord_bot.progress import Progress
from core.interfaces import Door, Envelope
from core.models import Reply


class Delivery:
    """Sends what the ledger does not hold as sent."""

    def __init__(self, client: Client, progress: Progress, door: Door) -> None:
        self._client = client
        self._progress = progress
        self._door = door

    async def deliver(self, envelope: Envelope, reply: Reply) -> None:
        """Send a reply: see `core.interfaces.Platform`."""
        raise NotImplementedError
