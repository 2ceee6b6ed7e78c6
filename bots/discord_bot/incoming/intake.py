"""Gateway intake: finds each event's chat, commits the event, and keeps the chat's watermark.

The gateway knows no acknowledgement: what was received but not committed before a crash is
fetched again after the next start, from the watermark of its chat on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import discord
import structlog

from bots.discord_bot.client.gateway import POISON, REQUEST_ERRORS, DiscordClient
from bots.discord_bot.errors import read_error
from bots.discord_bot.incoming.messages import (
    PLATFORM,
    ChannelRef,
    read_channel,
    read_messages,
    read_raw_channel,
)
from core.clock import CLOCK, Clock
from core.errors import AssistantError, ChatGone, PlatformError, describe_error
from core.inbox import Inbox
from core.models import Chat, Message

log = structlog.get_logger(__name__)

#: Tries after which an event that our own code cannot read is skipped.
POISON_TRIES = 5
_FIRST_WAIT_S, _MAX_WAIT_S = 0.1, 15.0
#: Deadline of a channel look-up: other events wait behind it.
_FIND_S = 5.0
_MAX_CACHED = 5000
#: Interval between two writes: a message that is committed twice after a crash is recognised.
FLUSH_S = 3.0

#: Commits a message, given its server ("" = none) and the raw event.
Accept = Callable[[Message, str, Mapping[str, Any]], Awaitable[None]]


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
        self.client = client
        self._channels = channels
        self.watermarks = watermarks
        self._inbox = inbox
        self._accept = accept

    async def run(self) -> None:
        """Commit received events until cancelled."""
        while True:
            kind, raw = await self.client.events.get()
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
            name = describe_error(error)
            is_poison = isinstance(error, POISON) and not isinstance(error, OSError)
            if is_poison and tries >= POISON_TRIES:
                log.error("discord_event_skipped", event_name=kind, error=name)
                return
            log.error("discord_not_committed", event_name=kind, error=name)
            await self.client.clock.sleep(wait_s)
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
            chat = Chat(PLATFORM, self.client.bot_id, channel.chat_id)
            message_ids = [str(message_id) for message_id in raw.get("ids") or (raw["id"],)]
            # A backfill that found one before may commit it only now.
            self.client.seen.difference_update(message_ids)
            await self._inbox.forget(chat, *message_ids)
            return
        is_edit = kind == "MESSAGE_UPDATE"
        for message in read_messages(raw, channel, self.client.bot_id, is_edit=is_edit):
            await self._accept(message, channel.guild_id, raw)
        if len(self.client.seen) > _MAX_CACHED:
            self.client.seen.clear()
        if not is_edit:
            is_private = not channel.guild_id
            await self.watermarks.note(channel.chat_id, str(raw["id"]), is_private=is_private)


class Channels:
    """Channels known from the gateway, and others fetched over REST and cached."""

    def __init__(self, client: DiscordClient) -> None:
        self._client = client
        self._fetched: dict[str, ChannelRef] = {}

    async def find(self, channel_id: str, guild_id: str) -> ChannelRef | None:
        """Return the channel that an event names, None if it is gone.

        guild_id: as in the event, empty in private chats.
        """
        if not guild_id:
            return ChannelRef("", channel_id)
        guild = self._client.get_guild(int(guild_id))
        if channel := guild.get_channel_or_thread(int(channel_id)) if guild else None:
            return read_channel(channel)
        try:
            async with asyncio.timeout(_FIND_S):
                return await self.fetch(channel_id)
        except ChatGone:
            return None
        except (PlatformError, TimeoutError) as error:
            # A thread then counts as a chat of its own, which is better than to hold up intake.
            log.warning("discord_channel_unknown", error=type(error).__name__)
            return ChannelRef(guild_id, channel_id)

    async def fetch(self, channel_id: str) -> ChannelRef:
        """Return a channel from the cache or over REST. Raises PlatformError."""
        known = self._client.get_channel(int(channel_id))
        if isinstance(known, discord.abc.GuildChannel | discord.Thread):
            return read_channel(known)
        if channel_id not in self._fetched:
            await self._client.wait_open()
            try:
                raw: dict[str, Any] = dict(await self._client.http.get_channel(int(channel_id)))
            except REQUEST_ERRORS as error:
                raise read_error(error) from None
            if len(self._fetched) >= _MAX_CACHED:
                self._fetched.clear()
            self._fetched[channel_id] = read_raw_channel(raw)
        return self._fetched[channel_id]

    async def open_private(self, person_id: str) -> str:
        """Return the id of the direct message channel with a person. Raises PlatformError."""
        await self._client.wait_open()
        try:
            raw = await self._client.http.start_private_message(int(person_id))
        except REQUEST_ERRORS as error:
            raise read_error(error) from None
        return str(raw["id"])

    async def find_guild(self, chat: Chat) -> str:
        """Return the server of a chat, empty if it is private or gone.

        Raises PlatformError when a retry may help.
        """
        if not chat.chat_id.isdecimal():
            return ""
        try:
            return (await self.fetch(chat.chat_id)).guild_id
        except ChatGone:
            return ""


class ChannelWatermarks:
    """The newest committed message of each chat, written to the store with a short delay.

    Discord's message ids grow with time across all channels.
    """

    def __init__(self, inbox: Inbox, clock: Clock = CLOCK) -> None:
        self._inbox = inbox
        self._clock = clock
        self._bot_id = ""
        self._seen: dict[str, int] = {}
        #: Those of them that are private, or may be.
        self.private: set[str] = set()
        #: Chats whose watermark is newer than the stored one, and whether there are any.
        self._unsaved: set[str] = set()
        self._has_unsaved = asyncio.Event()
        #: Chats with a stored watermark; a chat's first one is never held.
        self._saved: set[str] = set()
        #: Chats with a backfill under way, and how many: their stored watermarks must not move.
        self._held: dict[str, int] = {}
        self._is_all_held = False

    async def load(self, bot_id: str) -> None:
        """Read the stored watermarks. Raises StoreError."""
        self._bot_id = bot_id
        stored = await self._inbox.watermarks(PLATFORM, bot_id)
        found = {chat_id: int(last) for chat_id, last in stored.items() if last.isdecimal()}
        # Another process may have committed more, and this one what is not stored yet.
        newer = {one: last for one, last in found.items() if last > self._seen.get(one, 0)}
        self._seen |= newer
        self._saved |= found.keys()
        self.private |= await self._inbox.find_private(PLATFORM, bot_id)

    def snapshot(self) -> dict[str, int]:
        """Return chat id -> newest message as of now."""
        return dict(self._seen)

    async def note(self, chat_id: str, message_id: str, *, is_private: bool = False) -> None:
        """Advance a chat's watermark to a message that was committed or passed over."""
        (self.private.add if is_private else self.private.discard)(chat_id)
        if not message_id.isdecimal() or int(message_id) <= self._seen.get(chat_id, 0):
            return
        is_first = chat_id not in self._seen
        self._seen[chat_id] = int(message_id)
        self._unsaved.add(chat_id)
        self._has_unsaved.set()
        if is_first:
            # Without a watermark, backfill would skip the chat.
            await self.flush()

    def hold_all(self) -> None:
        """Keep all stored watermarks where they are until `release_all`."""
        self._is_all_held = True

    def release_all(self) -> None:
        """Undo `hold_all`; chats held one by one stay held."""
        self._is_all_held = False

    def hold(self, chat_id: str) -> None:
        """Keep one chat's stored watermark where it is; each call needs its own `release`."""
        self._held[chat_id] = self._held.get(chat_id, 0) + 1

    def release(self, chat_id: str) -> None:
        """Undo one `hold`."""
        self._held[chat_id] -= 1
        if not self._held[chat_id]:
            del self._held[chat_id]

    async def run(self) -> None:
        """Flush at intervals, as long as there is something to store, until cancelled."""
        while await self._has_unsaved.wait():
            await self._clock.sleep(FLUSH_S)
            await self.flush()
            if not self._unsaved:
                self._has_unsaved.clear()

    async def flush(self) -> None:
        """Store the watermarks that are not held. Never raises: failures are retried later."""
        held = self._saved if self._is_all_held else self._held.keys()
        ready = self._unsaved - held
        if not (ready and self._bot_id):
            return
        seen = {chat_id: str(self._seen[chat_id]) for chat_id in ready}
        self._unsaved -= ready
        try:
            private = self.private & seen.keys()
            await self._inbox.save_watermarks(PLATFORM, self._bot_id, seen, private)
            self._saved |= ready
        except AssistantError as error:
            self._unsaved |= ready
            log.warning("discord_watermarks_not_saved", error=type(error).__name__)
