"""The connections of the gateway and of voice channels: none is left behind.

The SDK forgets those that are given up while they are made or while an end is agreed on, with the
thread that keeps them alive.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from contextlib import suppress
from typing import Any
from weakref import WeakSet

import aiohttp
from discord.gateway import KeepAliveHandler
from discord.http import HTTPClient


class Lines:
    """Every connection that one client has opened."""

    def __init__(self, http: HTTPClient) -> None:
        """Take part in what the SDK connects."""
        self._open: WeakSet[aiohttp.ClientWebSocketResponse] = WeakSet()
        connect = http.ws_connect

        async def ws_connect(url: str, **options: Any) -> aiohttp.ClientWebSocketResponse:
            line = await connect(url, **options)
            self._open.add(line)
            return line

        http.ws_connect = ws_connect  # type: ignore[method-assign]

    async def end(self) -> None:
        """End what is still open, without waiting for the other side to agree."""
        loop = asyncio.get_running_loop()
        for thread in threading.enumerate():
            if isinstance(thread, KeepAliveHandler) and thread.ws.loop is loop:
                thread.stop()
        for line in list(self._open):
            cut(line)
            await line.close()
        self._open.clear()


def cut(line: aiohttp.ClientWebSocketResponse) -> None:
    """Let whoever reads find the end of a line, as if the other side had gone."""
    if transport := line.get_extra_info("socket"):
        with suppress(OSError):
            transport.shutdown(socket.SHUT_RDWR)
