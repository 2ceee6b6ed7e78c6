"""Hands in what the gateway tells, in its order, each once.

The gateway knows no acknowledgement: what was told before a commit and is lost with the process
is asked for again after the next start, from the mark of its chat on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog

from bots.discord_bot.channels import ChannelRef, Channels
from bots.discord_bot.client.gateway import POISON, DiscordClient
from bots.discord_bot.incoming.messages import PLATFORM, read_messages
from bots.discord_bot.incoming.watermarks import ChannelWatermarks
from core.errors import ChatGone, PlatformError
from core.inbox import Inbox
from core.models import Chat, Message

log = structlog.get_logger(__name__)

#: After so many tries an event that only makes our own code fail is left out.
POISON_TRIES = 5
_FIRST_WAIT_S, _MAX_WAIT_S = 0.1, 15.0
#: A channel that nobody told us of is asked for at most so long: others wait behind it.
_ASK_S = 5.0

#: Takes a message, where it is, and what Discord wrote.
Accept = Callable[[Message, ChannelRef, Mapping[str, Any]], Awaitable[None]]


class GatewayIntake:
    """Takes events at once and commits them one after the other."""

    def __init__(
        self,
        client: DiscordClient,
        channels: Channels,
        watermarks: ChannelWatermarks,
        inbox: Inbox,
        accept: Accept,
    ) -> None:
        self._client = client
        self._channels = channels
        self._watermarks = watermarks
        self._inbox = inbox
        self._accept = accept
        self._queue: asyncio.Queue[tuple[str, dict[str, Any]]] = asyncio.Queue()

    def hear(self, kind: str, raw: dict[str, Any]) -> None:
        """Take an event of the gateway."""
        self._queue.put_nowait((kind, raw))

    async def run(self) -> None:
        """Commit what was heard until cancelled."""
        while True:
            kind, raw = await self._queue.get()
            await self.commit(kind, raw)

    async def commit(self, kind: str, raw: dict[str, Any], place: ChannelRef | None = None) -> None:
        """Hand in one event; if that fails, again until it is done."""
        wait_s, tries = _FIRST_WAIT_S, 0
        while True:
            # Whatever fails, it must not end the loop.
            (error,) = await asyncio.gather(self._take(kind, raw, place), return_exceptions=True)
            if error is None:
                return
            tries += 1
            name = type(error).__name__
            is_ours = isinstance(error, POISON) and not isinstance(error, OSError)
            if is_ours and tries >= POISON_TRIES:
                log.error("discord_event_skipped", event_name=kind, error=name)
                return
            log.error("discord_not_committed", event_name=kind, error=name)
            await self._client.clock.sleep(wait_s)
            wait_s = min(_MAX_WAIT_S, wait_s * 2)

    async def _take(self, kind: str, raw: dict[str, Any], place: ChannelRef | None) -> None:
        place = place or await self._find_place(raw)
        if place is None:
            return
        if kind in ("MESSAGE_DELETE", "MESSAGE_DELETE_BULK"):
            chat = Chat(PLATFORM, self._client.bot_id, place.chat_id)
            for message_id in raw.get("ids") or (raw["id"],):
                await self._inbox.forget(chat, str(message_id))
            return
        is_edit = kind == "MESSAGE_UPDATE"
        for message in read_messages(raw, place, self._client.bot_id, is_edit=is_edit):
            await self._accept(message, place, raw)
        if not is_edit:
            await self._watermarks.note(place.chat_id, str(raw["id"]))

    async def _find_place(self, raw: dict[str, Any]) -> ChannelRef | None:
        channel_id, guild_id = str(raw["channel_id"]), str(raw.get("guild_id") or "")
        found = self._channels.find(channel_id, guild_id)
        if found:
            return found
        try:
            async with asyncio.timeout(_ASK_S):
                return await self._channels.ask(channel_id)
        except ChatGone:
            return None
        except (PlatformError, TimeoutError) as error:
            # A thread then counts as a chat of its own: better than to let all others wait.
            log.warning("discord_place_unknown", error=type(error).__name__)
            return ChannelRef(guild_id, channel_id)
