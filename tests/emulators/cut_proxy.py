"""A TCP proxy that cuts its connections, refuses new ones, or lets their data drip."""

from __future__ import annotations

import asyncio
from typing import Self


class CutProxy:
    """Forwards connections on a free local port to another one."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._writers = set[asyncio.StreamWriter]()
        #: New connections are closed at once.
        self.is_down = False
        #: Bytes that pass at once, and the pause after them; 0 = all, without a pause.
        self.drip_bytes, self.drip_s = 0, 0.0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self.cut()

    def cut(self) -> int:
        """Break all connections, in the middle of whatever they carry; return how many."""
        writers, self._writers = self._writers, set()
        for writer in writers:
            writer.transport.abort()
        return len(writers) // 2

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.is_down:
            writer.transport.abort()
            return
        try:
            there = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, there[1]}
        await asyncio.gather(self._forward(reader, there[1]), self._forward(there[0], writer))
        self._writers -= {writer, there[1]}

    async def _forward(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(self.drip_bytes or 65_536):
                sink.write(data)
                await sink.drain()
                if self.drip_s:
                    await asyncio.sleep(self.drip_s)
        except OSError:
            pass  # cut
        finally:
            sink.close()
