"""Fetches the messages missed between two gateway sessions, from the watermarks on.

A resumed session misses nothing. Nothing is fetched from a channel without a watermark. Where the
database was restored from a backup, the bot may have answered messages after their watermark, which
its replies in the channel tell.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import discord
import structlog
from discord.utils import time_snowflake

from bots.discord_bot.client.gateway import REQUEST_ERRORS, DiscordClient
from bots.discord_bot.errors import describe, read_error
from bots.discord_bot.incoming.intake import ChannelWatermarks
from bots.discord_bot.incoming.messages import ChannelRef, read_channel, read_raw_channel
from core.errors import AssistantError
from core.models import CANCEL_TOKEN

log = structlog.get_logger(__name__)

#: Limits of one backfill: messages per channel, channels, and age.
MAX_MESSAGES = 200
MAX_CHANNELS = 50
MAX_AGE = timedelta(hours=24)
#: Most messages that one request returns.
PAGE = 100
#: Requests at the same time.
_CONCURRENCY = 4
_FIRST_WAIT_S, _MAX_WAIT_S = 1.0, 60.0

Commit = Callable[[str, dict[str, Any], ChannelRef | None], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Gap:
    """A channel in which messages may have been missed."""

    channel: ChannelRef
    #: Watermark: messages up to this id are committed.
    after: int
    #: Id of the newest message there is.
    newest: int


class Backfill:
    """Commits missed messages; stored watermarks do not move until that is done."""

    def __init__(
        self, client: DiscordClient, watermarks: ChannelWatermarks, commit: Commit
    ) -> None:
        self._client = client
        self._watermarks = watermarks
        self._commit = commit
        #: Shard -> watermarks at the start of its session.
        self._before: dict[int, dict[str, int]] = {}
        #: Shards whose servers are still being received.
        self._incomplete: set[int] = set()
        #: Shard -> servers that were backfilled in this session.
        self._filled: dict[int, set[int]] = {}
        self._slots = asyncio.Semaphore(_CONCURRENCY)
        self._tasks: set[asyncio.Task[None]] = set()

    def start_session(self, shard_id: int) -> None:
        """Take the watermarks that the backfill of this shard starts from."""
        if shard_id not in self._incomplete:
            self._before[shard_id] = self._watermarks.snapshot()
        self._incomplete.add(shard_id)
        self._filled[shard_id] = set()
        self._watermarks.hold_all()

    def complete_session(self, shard_id: int) -> None:
        """Start the backfill, now that the channels of the shard are known."""
        if shard_id not in self._incomplete:
            return
        guilds = [guild for guild in self._client.guilds if guild.shard_id == shard_id]
        self._filled[shard_id] = {guild.id for guild in guilds if not guild.unavailable}
        before, oldest = self._before[shard_id], self._find_oldest()
        gaps = [gap for guild in guilds for gap in find_gaps(guild, before, oldest)]
        self._fill(gaps)
        if shard_id == 0:
            self._fill_private(before, oldest)
        self._incomplete.discard(shard_id)
        if not self._incomplete:
            self._watermarks.release_all()

    def end_session(self, shard_id: int) -> None:
        """Forget a shard that another process receives from now on."""
        self._before.pop(shard_id, None)
        self._filled.pop(shard_id, None)
        self._incomplete.discard(shard_id)
        if not self._incomplete:
            self._watermarks.release_all()

    def add_guild(self, guild_id: int) -> None:
        """Backfill a server that became available after its session was complete."""
        guild = self._client.get_guild(guild_id)
        if guild is None or guild.shard_id in self._incomplete:
            return
        filled = self._filled.setdefault(guild.shard_id, set())
        if guild_id not in filled:
            filled.add(guild_id)
            before = self._before.get(guild.shard_id, {})
            self._fill(list(find_gaps(guild, before, self._find_oldest())))

    async def close(self) -> None:
        """Stop."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _find_oldest(self) -> int:
        """Return the smallest message id within MAX_AGE."""
        return time_snowflake(self._client.clock.now() - MAX_AGE)

    def _fill(self, gaps: list[Gap]) -> None:
        newest_first = sorted(gaps, key=lambda gap: gap.newest, reverse=True)
        if len(gaps) > MAX_CHANNELS:
            log.error("discord_backfill_capped", channels=len(gaps))
        for gap in newest_first[:MAX_CHANNELS]:
            self._start(gap.channel.chat_id, self._fill_gap(gap))

    def _fill_private(self, before: Mapping[str, int], oldest: int) -> None:
        """Backfill private chats, which the gateway does not list."""
        private = before.keys() & self._watermarks.private
        unknown = [chat_id for chat_id in private if self._client.get_channel(int(chat_id)) is None]
        newest_first = sorted(unknown, key=lambda chat_id: before[chat_id], reverse=True)
        for chat_id in newest_first[:MAX_CHANNELS]:
            after = max(before[chat_id], oldest)
            self._start(chat_id, self._fill_private_chat(chat_id, after))

    def _start(self, chat_id: str, work: Coroutine[Any, Any, None]) -> None:
        self._watermarks.hold(chat_id)
        task = asyncio.create_task(work)
        self._tasks.add(task)

        def end(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            # What was not fetched must be fetched after the next start.
            if not task.cancelled():
                self._watermarks.release(chat_id)

        task.add_done_callback(end)

    async def _fill_private_chat(self, chat_id: str, after: int) -> None:
        raw = await self._retry(lambda: self._client.http.get_channel(int(chat_id)))
        if raw is None:
            return
        channel, newest = read_raw_channel(raw), int(raw.get("last_message_id") or 0)
        if not channel.guild_id and newest > after:
            await self._fill_gap(Gap(channel, after, newest))

    async def _fill_gap(self, gap: Gap) -> None:
        found = await self._fetch_gap(gap)
        # Replies come after what they answer, so all are fetched before any is committed.
        answered = find_answered(found, self._client.bot_id)
        for raw in found:
            if str(raw["id"]) not in answered:
                await self._commit("MESSAGE_CREATE", raw, gap.channel)
        log.info("discord_backfill", messages=len(found), answered=len(answered))

    async def _fetch_gap(self, gap: Gap) -> list[dict[str, Any]]:
        """Return the messages after the watermark, oldest first, up to MAX_MESSAGES."""
        found: list[dict[str, Any]] = []
        while len(found) < MAX_MESSAGES:
            after = int(found[-1]["id"]) if found else gap.after
            page = await self._fetch_page(int(gap.channel.channel_id), after)
            found += sorted(map(dict, page or ()), key=lambda raw: int(raw["id"]))
            if not page or len(page) < PAGE:
                return found
        log.error("discord_backfill_capped", messages=len(found))
        return found

    async def _fetch_page(self, channel_id: int, after: int) -> Any:
        return await self._retry(lambda: self._client.http.logs_from(channel_id, PAGE, after=after))

    async def _retry(self, request: Callable[[], Awaitable[Any]]) -> Any:
        """Return the result of a request, None where Discord refuses.

        Where it is unreachable, it is asked until all that was missed is too old.
        """
        clock, wait_s = self._client.clock, _FIRST_WAIT_S
        end_s = clock.monotonic() + MAX_AGE.total_seconds()
        while clock.monotonic() < end_s:
            try:
                await self._client.wait_open()
                async with self._slots:
                    return await request()
            except (*REQUEST_ERRORS, AssistantError) as error:
                ours = error if isinstance(error, AssistantError) else read_error(error)
                if not ours.is_retryable and not isinstance(error, RuntimeError):
                    log.info("discord_backfill_refused", detail=describe(error))
                    return None
                log.info("discord_backfill_waits", wait_s=wait_s, detail=describe(error))
                await clock.sleep(max(wait_s, ours.retry_after_s or 0.0))
                wait_s = min(_MAX_WAIT_S, wait_s * 2)
        log.error("discord_backfill_failed")
        return None


def find_answered(found: Iterable[Mapping[str, Any]], bot_id: str) -> set[str]:
    """Return the ids of the messages that the bot has replied to.

    A reply with the button that cancels is not the last word: whoever wrote it may have ended.
    """
    return {
        str(raw["message_reference"].get("message_id"))
        for raw in found
        if raw.get("message_reference")
        and str(raw["author"]["id"]) == bot_id
        and CANCEL_TOKEN not in str(raw.get("components"))
    }


def find_gaps(guild: discord.Guild, before: Mapping[str, int], oldest: int) -> Iterator[Gap]:
    """Yield the channels and threads of a server with messages after their watermark.

    before: chat id -> watermark; oldest: messages below this id are left out.
    """
    for channel in (*guild.channels, *guild.threads):
        ref, newest = read_channel(channel), getattr(channel, "last_message_id", None) or 0
        # A forum's newest "message" is a post.
        if ref.chat_id not in before or not isinstance(channel, discord.abc.Messageable):
            continue
        after = max(before[ref.chat_id], oldest)
        if newest > after:
            yield Gap(ref, after, newest)
