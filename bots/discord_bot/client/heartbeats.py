"""Heartbeats that notice a dead gateway connection sooner than discord.py does.

discord.py sends heartbeats at the gateway's interval, 41.25 s, and then waits half a minute for a
dead peer to close the connection. We send one whenever the connection has been quiet for a while,
which Discord allows, and shut the socket down if nothing comes: discord.py then resumes at once.
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

from bots.discord_bot.client.sockets import shut_down
from core.clock import CLOCK, Clock

log = structlog.get_logger(__name__)

#: Silence after which a heartbeat is sent, and after which the connection counts as dead.
BEAT_S, SILENCE_S = 10.0, 22.0
#: Interval between checks.
CHECK_S = 1.0


@dataclass(slots=True)
class _Timestamp:
    """A timestamp on discord.py's own clock, and when we saw it change on ours."""

    value: float
    seen_s: float

    def age_s(self, value: float, now_s: float) -> float:
        """Return for how long the value has not changed."""
        if value != self.value:
            self.value, self.seen_s = value, now_s
        return now_s - self.seen_s


class Heartbeats:
    """Watches the gateway connections of all shards."""

    def __init__(
        self, list_sockets: Callable[[], Sequence[DiscordWebSocket]], clock: Clock = CLOCK
    ) -> None:
        self._list_sockets = list_sockets
        self._clock = clock
        #: When something was last received and sent on each connection.
        self._seen: WeakKeyDictionary[KeepAliveHandler, tuple[_Timestamp, _Timestamp]] = (
            WeakKeyDictionary()
        )

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            await self._clock.sleep(CHECK_S)
            for socket in self._list_sockets():
                await self._check(socket)

    async def _check(self, socket: DiscordWebSocket) -> None:
        # None before the gateway's Hello and after the end.
        keep_alive = socket._keep_alive
        if keep_alive is None or not socket.open:
            return
        received_s, sent_s = self._measure(keep_alive)
        if received_s > SILENCE_S:
            log.warning(
                "discord_gateway_silent", shard=socket.shard_id, quiet_s=round(received_s, 1)
            )
            keep_alive.stop()
            shut_down(socket.socket)
        elif min(received_s, sent_s) >= BEAT_S:
            await self._beat(socket, keep_alive)

    def _measure(self, keep_alive: KeepAliveHandler) -> tuple[float, float]:
        """Return the seconds since something was received, and since a heartbeat was sent."""
        now_s, received, sent = (
            self._clock.monotonic(),
            keep_alive._last_recv,
            keep_alive._last_send,
        )
        if keep_alive not in self._seen:
            self._seen[keep_alive] = _Timestamp(received, now_s), _Timestamp(sent, now_s)
        last_received, last_sent = self._seen[keep_alive]
        return last_received.age_s(received, now_s), last_sent.age_s(sent, now_s)

    async def _beat(self, socket: DiscordWebSocket, keep_alive: KeepAliveHandler) -> None:
        with suppress(ConnectionClosed, aiohttp.ClientError, OSError, TimeoutError):
            # It blocks only while the send buffer is full.
            async with asyncio.timeout(BEAT_S):
                await socket.send_heartbeat(keep_alive.beat())
