"""Downloads what people sent, by links that Discord renews."""

from __future__ import annotations

from core.errors import PlatformError
from core.models import Message


class Files:
    """Downloads of one bot."""

    async def fetch(self, message: Message) -> bytes:
        """Return the sound of a message, or of the one it answers."""
        raise PlatformError

    async def close(self) -> None:
        """Close the connections."""
