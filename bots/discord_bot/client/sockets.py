"""The connections of the gateway and of voice channels: none is left behind.

The SDK forgets those that are given up while they are made or while an end is agreed on, with the
thread that keeps them alive.
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
    """Every connection that one client has opened."""

    def __init__(self, http: HTTPClient) -> None:
        """Take part in what the SDK connects."""
        self._open: WeakSet[aiohttp.ClientWebSocketResponse] = WeakSet()
        connect = http.ws_connect

        async def ws_connect(url: str, **options: Any) -> aiohttp.ClientWebSocketResponse:
            socket = await connect(url, **options)
            self._open.add(socket)
            return socket

        http.ws_connect = ws_connect  # type: ignore[method-assign]

    async def end(self) -> None:
        """End what is still open, without waiting for the other side to agree."""
        loop = asyncio.get_running_loop()
        for thread in threading.enumerate():
            if isinstance(thread, KeepAliveHandler) and thread.ws.loop is loop:
                thread.stop()
        for socket in list(self._open):
            cut(socket)
            await socket.close()
        self._open.clear()


def cut(socket: aiohttp.ClientWebSocketResponse) -> None:
    """Let whoever reads find the end of a line, as if the other side had gone."""
    if transport := socket.get_extra_info("socket"):
        with suppress(OSError):
            transport.shutdown(sockets.SHUT_RDWR)
