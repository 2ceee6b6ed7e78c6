"""Notices a gateway that has gone silent, sooner than the SDK does.

The SDK asks whether the gateway is still there as seldom as the gateway wants it, every 41.25 s,
and then waits half a minute for an end to be agreed on with a side that says nothing any more. We
ask whenever it has been quiet for a while, which Discord allows, and cut the line if nothing
comes: the SDK takes the session up again at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import aiohttp
import structlog
from discord import ConnectionClosed
from discord.gateway import DiscordWebSocket, KeepAliveHandler

from bots.discord_bot.client.sockets import cut
from core.clock import CLOCK, Clock

log = structlog.get_logger(__name__)

#: Silence after which the gateway is asked whether it is there, and after which it counts as dead.
BEAT_S, SILENCE_S = 10.0, 22.0
#: How often we look.
LOOK_S = 1.0


@dataclass(slots=True)
class _Change:
    """A moment that the SDK keeps on a clock of its own, and when we saw it change."""

    value: float
    seen_s: float

    def look(self, value: float, now_s: float) -> float:
        """Return for how long the value has stayed the same."""
        if value != self.value:
            self.value, self.seen_s = value, now_s
        return now_s - self.seen_s


class Heartbeats:
    """Watches the connections of all shards."""

    def __init__(
        self, list_lines: Callable[[], Sequence[DiscordWebSocket]], clock: Clock = CLOCK
    ) -> None:
        self._list_lines = list_lines
        self._clock = clock
        #: What was last received and sent on each connection.
        self._seen: WeakKeyDictionary[KeepAliveHandler, tuple[_Change, _Change]] = (
            WeakKeyDictionary()
        )

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            await self._clock.sleep(LOOK_S)
            for line in self._list_lines():
                await self._look_at(line)

    async def _look_at(self, line: DiscordWebSocket) -> None:
        # None before the gateway's first word and after the end.
        beating = line._keep_alive
        if beating is None or not line.open:
            return
        quiet_s, unasked_s = self._measure(beating)
        if quiet_s > SILENCE_S:
            log.warning("discord_gateway_silent", shard=line.shard_id, quiet_s=round(quiet_s, 1))
            beating.stop()
            cut(line.socket)
        elif min(quiet_s, unasked_s) >= BEAT_S:
            await self._ask(line, beating)

    def _measure(self, beating: KeepAliveHandler) -> tuple[float, float]:
        """Return for how long nothing was received, and nothing asked."""
        now_s, received, sent = self._clock.monotonic(), beating._last_recv, beating._last_send
        if beating not in self._seen:
            self._seen[beating] = _Change(received, now_s), _Change(sent, now_s)
        of_received, of_sent = self._seen[beating]
        return of_received.look(received, now_s), of_sent.look(sent, now_s)

    async def _ask(self, line: DiscordWebSocket, beating: KeepAliveHandler) -> None:
        with suppress(ConnectionClosed, aiohttp.ClientError, OSError, TimeoutError):
            # It waits only where nothing at all is taken from us.
            async with asyncio.timeout(BEAT_S):
                await line.send_heartbeat(beating.beat())
