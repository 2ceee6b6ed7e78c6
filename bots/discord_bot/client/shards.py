"""Shards that come and go while a client is connected: several processes share those of a bot."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal

import discord
import structlog
import yarl
from discord.gateway import DiscordWebSocket

from bots.discord_bot.client.sessions import SessionPacer
from core import metrics
from core.clock import Clock

if TYPE_CHECKING:
    from discord.shard import Shard

log = structlog.get_logger(__name__)

#: How long Discord asks to wait between two new sessions.
IDENTIFY_S = 5.0
#: discord.py waits up to a second, doubled so often, between attempts to connect again: 32 s. Its
#: own ten would leave a bot away for another quarter of an hour after Discord is back.
MAX_DOUBLINGS = 5
#: How long the end of a connection may take.
_STOP_S = 2.0


class ShardedClient(discord.AutoShardedClient):
    """discord.py's client, which otherwise connects the same shards from its start to its end."""

    clock: Clock

    def __init__(self, clock: Clock, count: int | Literal["auto"], **options: Any) -> None:
        """count: of all shards, or "auto" for what Discord recommends at the start."""
        self.clock, self._shard_count_setting = clock, count
        #: The shards that this process is to connect.
        self.wanted = set[int]()
        #: Chooses how many shards the bot has, given how many Discord recommends, or the operator.
        self.choose_count: Callable[[int], Awaitable[int]] = _choose
        #: Set once `shard_count` is known.
        self.is_counted = asyncio.Event()
        #: Waits until a shard may start another session, given its number.
        self.take_turn: Callable[[int], Awaitable[None]] = self._take_own_turn
        self._next_turn_s = 0.0
        self._sessions = SessionPacer(clock)
        self._launching = asyncio.Lock()
        #: Those that were connected since the login, and those whose servers are known since.
        self._launched, self._complete = set[int](), set[int]()
        #: Where shards connect to, None until this is known.
        self._gateway: yarl.URL | None = None
        #: How many sessions may start at the same time.
        self.max_concurrency = 1
        #: How many more sessions may start, until the end of how many seconds.
        self._remaining, self._reset_s = 0, 0.0
        super().__init__(**options)

    @property
    def has_all_shards(self) -> bool:
        """True while every shard that is wanted is connected, and its servers are known."""
        shards = [self.get_shard(number) for number in self.wanted]
        is_open = all(shard and not shard.is_closed() for shard in shards)
        return bool(shards) and is_open and self.wanted <= self._complete

    async def launch_shards(self) -> None:
        """Connect the shards that are wanted, within the session limit that Discord gives."""
        recommended, url, limit = await self.http.get_bot_gateway()
        setting = self._shard_count_setting
        if self.shard_count is None:
            count = recommended if setting == "auto" else setting
            self.shard_count = await self.choose_count(count)
        self._gateway = DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(url)
        self.max_concurrency = max(1, limit["max_concurrency"])
        self._connection.shard_count = self.shard_count
        self.is_counted.set()
        self._remaining, self._reset_s = limit["remaining"], limit["reset_after"] / 1000
        for number in sorted(self.wanted):
            await self._launch(number)

    async def add_shard(self, number: int) -> None:
        """Connect one more shard: now, or as soon as the client connects."""
        self.wanted.add(number)
        if self._gateway:
            await self._launch(number)

    async def remove_shard(self, number: int) -> None:
        """Disconnect a shard, and forget its servers."""
        self.wanted.discard(number)
        self._launched.discard(number)
        self._complete.discard(number)
        if shard := self._shards.pop(number, None):
            self._drop_events(shard)
            with suppress(TimeoutError):
                async with asyncio.timeout(_STOP_S):
                    await shard.close()
        for guild in [one for one in self.guilds if one.shard_id == number]:
            self._connection._remove_guild(guild)

    def note_complete(self, number: int) -> None:
        """Take notice that the servers of a shard are known."""
        self._complete.add(number)

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        """Pace new sessions as Discord asks. Raises PlatformBusy."""
        self._sessions.note_session(self.shard_count or 1)
        await self.take_turn(shard_id or 0)
        metrics.GATEWAY_IDENTIFIES.inc()

    async def _take_own_turn(self, number: int) -> None:
        now_s = self.clock.monotonic()
        begin_s = max(now_s, self._next_turn_s)
        self._next_turn_s = begin_s + IDENTIFY_S
        await self.clock.sleep(begin_s - now_s)

    async def _launch(self, number: int) -> None:
        async with self._launching:
            if number in self.wanted and number not in self._launched and self._gateway:
                self._launched.add(number)
                if self._remaining < 1:
                    # Beyond the limit Discord resets the token.
                    log.error("discord_session_limit", wait_s=round(self._reset_s))
                    await self.clock.sleep(self._reset_s)
                self._remaining -= 1
                await self.launch_shard(self._gateway, number)
                self._shards[number]._backoff._max = MAX_DOUBLINGS

    def _forget_shards(self) -> None:
        """Take notice that all connections were closed, before another login."""
        self._launched.clear()
        self._complete.clear()
        self._gateway = None

    @property
    def _shards(self) -> dict[int, Shard]:
        # discord.py has no method that removes one.
        found: dict[int, Shard] = self._AutoShardedClient__shards  # type: ignore[attr-defined]
        return found

    def _drop_events(self, shard: Shard) -> None:
        """Keep discord.py from connecting a shard again whose connection was just lost."""
        queue = self._AutoShardedClient__queue  # type: ignore[attr-defined]
        queue._queue[:] = [item for item in queue._queue if item.shard is not shard]
        heapq.heapify(queue._queue)
        # One that is connecting at this moment is closed as soon as it is connected.
        shard.launch = lambda: asyncio.create_task(shard.ws.close(code=1000))  # type: ignore[assignment, method-assign]


async def _choose(count: int) -> int:
    return count
