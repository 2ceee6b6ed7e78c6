"""Commits gateway events in order, each until it is stored.

The gateway knows no acknowledgement: what was received but not committed before a crash is
fetched again after the next start, from the watermark of its chat on.
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
from core.inbox import Inbox
from core.models import Chat, Message

log = structlog.get_logger(__name__)

#: Tries after which an event that our own code cannot read is skipped.
POISON_TRIES = 5
_FIRST_WAIT_S, _MAX_WAIT_S = 0.1, 15.0

#: Commits a message, given its channel and the raw event.
Accept = Callable[[Message, ChannelRef, Mapping[str, Any]], Awaitable[None]]


class GatewayIntake:
    """Commits message events one after the other."""

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

    async def run(self) -> None:
        """Commit received events until cancelled."""
        while True:
            kind, raw = await self._client.events.get()
            await self.commit(kind, raw)

    async def commit(
        self, kind: str, raw: dict[str, Any], channel: ChannelRef | None = None
    ) -> None:
        """Commit one event and retry until that succeeds."""
        wait_s, tries = _FIRST_WAIT_S, 0
        while True:
            # Whatever fails must not end the loop.
            (error,) = await asyncio.gather(
                self._commit_once(kind, raw, channel), return_exceptions=True
            )
            if error is None:
                return
            tries += 1
            name = type(error).__name__
            is_poison = isinstance(error, POISON) and not isinstance(error, OSError)
            if is_poison and tries >= POISON_TRIES:
                log.error("discord_event_skipped", event_name=kind, error=name)
                return
            log.error("discord_not_committed", event_name=kind, error=name)
            await self._client.clock.sleep(wait_s)
            wait_s = min(_MAX_WAIT_S, wait_s * 2)

    async def _commit_once(
        self, kind: str, raw: dict[str, Any], channel: ChannelRef | None
    ) -> None:
        if channel is None:
            guild_id = str(raw.get("guild_id") or "")
            channel = await self._channels.find(str(raw["channel_id"]), guild_id)
        if channel is None:
            return
        if kind in ("MESSAGE_DELETE", "MESSAGE_DELETE_BULK"):
            chat = Chat(PLATFORM, self._client.bot_id, channel.chat_id)
            for message_id in raw.get("ids") or (raw["id"],):
                await self._inbox.forget(chat, str(message_id))
            return
        is_edit = kind == "MESSAGE_UPDATE"
        for message in read_messages(raw, channel, self._client.bot_id, is_edit=is_edit):
            await self._accept(message, channel, raw)
        if not is_edit:
            await self._watermarks.note(channel.chat_id, str(raw["id"]))
