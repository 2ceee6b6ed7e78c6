"""Open websockets of the gateway and of voice channels, so that none is left behind.

discord.py forgets those that are cancelled while they connect or close, and the threads that send
their heartbeats.
"""

from __future__ import annotations

import asyncio
import socket as sockets
import threading
from contextlib import suppress
from typing import Any
from weakref import WeakSet

import aiohttp
from discord.gateway import KeepAliveHandler
from discord.http import HTTPClient


class OpenSockets:
    """Every websocket that one client has opened."""

    def __init__(self, http: HTTPClient) -> None:
        """Wrap the method that discord.py connects with."""
        self._open: WeakSet[aiohttp.ClientWebSocketResponse] = WeakSet()
        connect = http.ws_connect

        async def ws_connect(url: str, **options: Any) -> aiohttp.ClientWebSocketResponse:
            socket = await connect(url, **options)
            self._open.add(socket)
            return socket

        http.ws_connect = ws_connect  # type: ignore[method-assign]

    async def close(self) -> None:
        """Close what is still open, without waiting for the peer."""
        loop = asyncio.get_running_loop()
        for thread in threading.enumerate():
            if isinstance(thread, KeepAliveHandler) and thread.ws.loop is loop:
                thread.stop()
        for socket in list(self._open):
            shut_down(socket)
            await socket.close()
        self._open.clear()


def shut_down(socket: aiohttp.ClientWebSocketResponse) -> None:
    """Make pending reads end, as if the peer had gone."""
    if transport := socket.get_extra_info("socket"):
        with suppress(OSError):
            transport.shutdown(sockets.SHUT_RDWR)
