"""Who wrote what is forwarded: Discord's forwards hold a copy of the original, not its author.

The original is looked up where the bot may read it. Where it may not, or Discord does not answer in
time, the author stays unknown.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import structlog

from bots.discord_bot.client.gateway import REQUEST_ERRORS, DiscordClient
from bots.discord_bot.errors import describe
from bots.discord_bot.incoming.messages import read_origin
from core.errors import PlatformError
from core.models import Message

log = structlog.get_logger(__name__)

#: Deadline of one look-up: other messages wait behind it, and an interaction for its response.
_FIND_S = 1.0
#: Forwards of forwards that are followed.
_MAX_STEPS = 5
_MAX_CACHED = 5000


class ForwardOrigins:
    """Looks up the authors of forwarded messages."""

    def __init__(self, client: DiscordClient) -> None:
        self._client = client
        #: "CHANNEL/MESSAGE" of the original -> id of its author, empty if the bot may not read it.
        self._known: dict[str, str] = {}

    async def resolve(self, message: Message) -> Message:
        """Return a message with the authors of what it forwards or replies to, where known.

        Never raises for what Discord answers.
        """
        if message.origin_id:
            message = replace(message, origin_id=await self._find(message.origin_id))
        if (quoted := message.reply_to) and quoted.origin_id:
            quoted = replace(quoted, origin_id=await self._find(quoted.origin_id))
            message = replace(message, reply_to=quoted)
        return message

    async def _find(self, place: str) -> str:
        """Return the id of the author of the message at "CHANNEL/MESSAGE", empty if unknown."""
        if place not in self._known:
            try:
                async with asyncio.timeout(_FIND_S):
                    found = await self._follow(place)
            except (*REQUEST_ERRORS, PlatformError, ValueError) as error:
                is_sdk = isinstance(error, REQUEST_ERRORS)
                detail = describe(error) if is_sdk else type(error).__name__
                log.warning("discord_forward_unknown", detail=detail)
                return ""
            if len(self._known) >= _MAX_CACHED:
                self._known.clear()
            self._known[place] = found
        return self._known[place]

    async def _follow(self, place: str) -> str:
        """Return the id of whoever wrote the first message in a chain of forwards."""
        author_id = ""
        await self._client.wait_open()
        for _ in range(_MAX_STEPS):
            channel_id, _, message_id = place.partition("/")
            get = self._client.http.get_message
            raw: dict[str, Any] = dict(await get(int(channel_id), int(message_id)))
            author_id = str((raw.get("author") or {}).get("id") or "")
            if not (place := read_origin(raw)):
                break
        return author_id
