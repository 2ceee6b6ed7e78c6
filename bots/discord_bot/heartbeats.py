"""Notices a gateway that has gone silent, sooner than the SDK does.

The SDK asks whether the gateway is still there as seldom as the gateway wants it, every 41.25 s,
and then waits half a minute for an end to be agreed on with a side that says nothing any more. We
ask whenever it has been quiet for a while, which Discord allows, and cut the line if nothing
comes: the SDK takes the session up again at once.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

import aiohttp
import structlog
from discord import ConnectionClosed
from discord.gateway import DiscordWebSocket, KeepAliveHandler

from bots.discord_bot.lines import cut

log = structlog.get_logger(__name__)

#: How often we look, as a share of the time after which we ask.
LOOKS = 10


class Heartbeats:
    """Watches the connections of all shards. Moments are those of `time.perf_counter`."""

    def __init__(
        self, list_lines: Callable[[], Sequence[DiscordWebSocket]], beat_s: float, silence_s: float
    ) -> None:
        """Take how long a line may be quiet before we ask, and before it counts as dead."""
        self._list_lines = list_lines
        self._beat_s = beat_s
        self._silence_s = silence_s

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            await asyncio.sleep(self._beat_s / LOOKS)
            for line in self._list_lines():
                await self._look_at(line)

    async def _look_at(self, line: DiscordWebSocket) -> None:
        # None before the gateway's first word and after the end.
        beating = line._keep_alive
        if beating is None or not line.open:
            return
        now_s = time.perf_counter()
        quiet_s, unasked_s = now_s - beating._last_recv, now_s - beating._last_send
        if quiet_s > self._silence_s:
            log.warning("discord_gateway_silent", shard=line.shard_id, quiet_s=round(quiet_s, 1))
            beating.stop()
            cut(line.socket)
        elif min(quiet_s, unasked_s) > self._beat_s:
            await self._ask(line, beating)

    async def _ask(self, line: DiscordWebSocket, beating: KeepAliveHandler) -> None:
        with suppress(ConnectionClosed, aiohttp.ClientError, OSError, TimeoutError):
            # It waits only where nothing at all is taken from us.
            async with asyncio.timeout(self._beat_s):
                await line.send_heartbeat(beating.beat())
