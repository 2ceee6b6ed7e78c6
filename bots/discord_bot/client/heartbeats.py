"""Heartbeats that notice a dead gateway connection sooner than discord.py does.

discord.py sends heartbeats at the gateway's interval, 41.25 s, and then waits half a minute for a
dead peer to close the connection. We send one more often, which Discord allows, and shut the socket
down if nothing at all has come by the next one: discord.py then resumes at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from weakref import WeakKeyDictionary

import aiohttp
import structlog
from discord import ConnectionClosed
from discord.gateway import DiscordWebSocket, KeepAliveHandler

from bots.discord_bot.client.sockets import shut_down
from core.clock import CLOCK, Clock

log = structlog.get_logger(__name__)

#: Interval between heartbeats, and the longest silence after which a connection counts as dead.
BEAT_S = 10.0
SILENCE_S = 2 * BEAT_S


class Heartbeats:
    """Watches the gateway connections of all shards."""

    def __init__(
        self, list_sockets: Callable[[], Sequence[DiscordWebSocket]], clock: Clock = CLOCK
    ) -> None:
        self._list_sockets = list_sockets
        self._clock = clock
        #: When something was last received on each connection, as of its last heartbeat.
        self._received: WeakKeyDictionary[KeepAliveHandler, float] = WeakKeyDictionary()

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            await self._clock.sleep(BEAT_S)
            for socket in self._list_sockets():
                await self._check(socket)

    async def _check(self, socket: DiscordWebSocket) -> None:
        # None before the gateway's Hello and after the end.
        keep_alive = socket._keep_alive
        if keep_alive is None or not socket.open:
            return
        if self._received.get(keep_alive) == keep_alive._last_recv:
            log.warning("discord_gateway_silent", shard=socket.shard_id)
            keep_alive.stop()
            shut_down(socket.socket)
        else:
            self._received[keep_alive] = keep_alive._last_recv
            await self._beat(socket, keep_alive)

    async def _beat(self, socket: DiscordWebSocket, keep_alive: KeepAliveHandler) -> None:
        with suppress(ConnectionClosed, aiohttp.ClientError, OSError, TimeoutError):
            # It blocks only while the send buffer is full.
            async with asyncio.timeout(BEAT_S):
                await socket.send_heartbeat(keep_alive.beat())
