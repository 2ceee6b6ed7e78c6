"""What was said while we were away: asked for after each new session, from the marks on.

A resumed session misses nothing. A channel without a mark replays nothing: all of it is old.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

import discord
import structlog

from bots.discord_bot.channels import ChannelRef, read_channel, read_raw
from bots.discord_bot.client.gateway import TROUBLE, DiscordClient
from bots.discord_bot.errors import describe, read_error
from bots.discord_bot.incoming.messages import make_snowflake
from bots.discord_bot.incoming.watermarks import ChannelWatermarks
from core.errors import AssistantError

log = structlog.get_logger(__name__)

#: Limits of one session: messages of a channel, channels, and how far back in time.
MAX_MESSAGES = 200
MAX_CHANNELS = 50
MAX_AGE = timedelta(hours=24)
#: What one call of Discord's gives at most.
PAGE = 100
#: Channels asked at once.
_AT_ONCE = 4
_TRIES, _FIRST_WAIT_S, _MAX_WAIT_S = 8, 1.0, 60.0

Commit = Callable[[str, dict[str, Any], ChannelRef | None], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Gap:
    """A channel in which messages may have been missed."""

    place: ChannelRef
    #: Messages up to this one are known.
    after: int
    #: The newest message there is.
    newest: int


class Backfill:
    """Asks for missed messages and hands them in; marks stay where they are until that is done."""

    def __init__(
        self, client: DiscordClient, watermarks: ChannelWatermarks, commit: Commit
    ) -> None:
        self._client = client
        self._watermarks = watermarks
        self._commit = commit
        #: What was known when the session of a shard began.
        self._before: dict[int, dict[str, int]] = {}
        #: Shards whose servers are still being told.
        self._incomplete: set[int] = set()
        self._caught: dict[int, set[int]] = {}
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()

    def start_session(self, shard_id: int) -> None:
        """Remember what is known now: all that comes after it on this shard may be missed."""
        if shard_id not in self._incomplete:
            self._before[shard_id] = self._watermarks.snapshot()
        self._incomplete.add(shard_id)
        self._caught[shard_id] = set()
        self._watermarks.hold_all()

    def complete_session(self, shard_id: int) -> None:
        """Begin to ask, now that the channels of the shard are known."""
        if shard_id not in self._incomplete:
            return
        guilds = [guild for guild in self._client.guilds if guild.shard_id == shard_id]
        self._caught[shard_id] = {guild.id for guild in guilds if not guild.unavailable}
        before, oldest = self._before[shard_id], self._find_oldest()
        gaps = [gap for guild in guilds for gap in find_gaps(guild, before, oldest)]
        self._fill(gaps)
        if shard_id == 0:
            self._fill_private(before, oldest)
        self._incomplete.discard(shard_id)
        if not self._incomplete:
            self._watermarks.release_all()

    def add_guild(self, guild_id: int) -> None:
        """Ask in a server that became available later than its session."""
        guild = self._client.get_guild(guild_id)
        if guild is None or guild.shard_id in self._incomplete:
            return
        caught = self._caught.setdefault(guild.shard_id, set())
        if guild_id not in caught:
            caught.add(guild_id)
            before = self._before.get(guild.shard_id, {})
            self._fill(list(find_gaps(guild, before, self._find_oldest())))

    async def close(self) -> None:
        """Stop asking."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _find_oldest(self) -> int:
        """Return the least id of messages that are not too old to be asked for."""
        return make_snowflake(self._client.clock.now() - MAX_AGE)

    def _fill(self, gaps: list[Gap]) -> None:
        newest_first = sorted(gaps, key=lambda gap: gap.newest, reverse=True)
        if len(gaps) > MAX_CHANNELS:
            log.error("discord_backfill_capped", channels=len(gaps))
        for gap in newest_first[:MAX_CHANNELS]:
            self._start(gap.place.chat_id, self._fill_gap(gap))

    def _fill_private(self, before: Mapping[str, int], oldest: int) -> None:
        """Look into private chats: the gateway does not tell which there are."""
        unknown = [chat_id for chat_id in before if self._client.get_channel(int(chat_id)) is None]
        newest_first = sorted(unknown, key=lambda chat_id: before[chat_id], reverse=True)
        for chat_id in newest_first[:MAX_CHANNELS]:
            after = max(before[chat_id], oldest)
            self._start(chat_id, self._look_into(chat_id, after))

    def _start(self, chat_id: str, work: Any) -> None:
        self._watermarks.hold(chat_id)
        task = asyncio.create_task(self._run(work))
        self._tasks.add(task)

        def end(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            # What was not asked for must be asked for after the next start.
            if not task.cancelled():
                self._watermarks.release(chat_id)

        task.add_done_callback(end)

    async def _run(self, work: Awaitable[None]) -> None:
        async with self._slots:
            await work

    async def _look_into(self, chat_id: str, after: int) -> None:
        raw = await self._ask(partial(self._client.http.get_channel, int(chat_id)))
        if raw is None:
            return
        place, newest = read_raw(raw), int(raw.get("last_message_id") or 0)
        if place.is_private and newest > after:
            await self._fill_gap(Gap(place, after, newest))

    async def _fill_gap(self, gap: Gap) -> None:
        after, count = gap.after, 0
        channel_id = int(gap.place.channel_id)
        while count < MAX_MESSAGES:
            page = await self._ask(partial(self._ask_page, channel_id, after))
            for raw in sorted(page or (), key=lambda raw: int(raw["id"])):
                await self._commit("MESSAGE_CREATE", dict(raw), gap.place)
                after = max(after, int(raw["id"]))
            count += len(page or ())
            if not page or len(page) < PAGE:
                break
        else:
            log.error("discord_backfill_capped", messages=count)
        log.info("discord_backfill", messages=count)

    def _ask_page(self, channel_id: int, after: int) -> Awaitable[Any]:
        return self._client.http.logs_from(channel_id, PAGE, after=after)

    async def _ask(self, call: Callable[[], Awaitable[Any]]) -> Any:
        """Return what Discord answers, None where it refuses or stays out of reach."""
        wait_s = _FIRST_WAIT_S
        for _ in range(_TRIES):
            try:
                await self._client.wait_open()
                return await call()
            except (*TROUBLE, AssistantError) as error:
                ours = error if isinstance(error, AssistantError) else read_error(error)
                if not ours.is_retryable and not isinstance(error, RuntimeError):
                    log.info("discord_backfill_refused", detail=describe(error))
                    return None
                await self._client.clock.sleep(max(wait_s, ours.retry_after_s or 0.0))
                wait_s = min(_MAX_WAIT_S, wait_s * 2)
        log.error("discord_backfill_failed")
        return None


def find_gaps(guild: discord.Guild, before: Mapping[str, int], oldest: int) -> Iterator[Gap]:
    """Yield the channels and threads of a server that have messages later than their mark.

    before: chat id -> mark; oldest: messages older than this id are left alone.
    """
    for channel in (*guild.channels, *guild.threads):
        place, newest = read_channel(channel), getattr(channel, "last_message_id", None) or 0
        # A forum holds posts alone; its newest "message" is one of these.
        if place.chat_id not in before or not isinstance(channel, discord.abc.Messageable):
            continue
        after = max(before[place.chat_id], oldest)
        if newest > after:
            yield Gap(place, after, newest)
