"""Runs an ASGI app on a port of this machine, with connections that can break."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
import time
from contextlib import suppress
from typing import Self

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from tests.support.virtual_time import is_virtual

#: What requests under way may still take when a server ends.
_BUSY_S = 1.0


class BreakableProtocol(H11Protocol):
    """HTTP whose app finds the connection in its scope, to break it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}


def break_connection(scope: Scope, *, is_reset: bool) -> None:
    """End the connection now: with a reset, or as a clean end in the middle of everything."""
    transport: asyncio.Transport = scope["state"]["transport"]
    if is_reset:
        linger = struct.pack("ii", 1, 0)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        transport.abort()
    else:
        transport.close()


async def never_respond(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer nothing until the client goes away."""
    while (await receive())["type"] != "http.disconnect":
        pass


def listen(port: int) -> socket.socket:
    """Return a listening socket on this machine; 0 picks a free port."""
    # Only where the protocol is named does asyncio turn Nagle's delay of 40 ms off.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(512)
    return listener


class FastServer(uvicorn.Server):
    """uvicorn that starts and ends without its tenths of a second: tests do so a thousand times."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        await super().startup(sockets)

    async def main_loop(self) -> None:
        if is_virtual():  # a tick each 0.1 s would hold up every jump of the time
            await self.on_tick(0)  # the Date header
            await self._stopping.wait()
            return
        counter = 0
        while not await self.on_tick(counter):
            counter += 1
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), 0.1)

    def stop(self) -> None:
        """End soon; to be called from any thread."""
        self.should_exit = True
        with suppress(RuntimeError):  # it has ended already
            self._loop.call_soon_threadsafe(self._stopping.set)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no more connections, and give those that are busy a second."""
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        end_s = time.monotonic() + _BUSY_S
        while self.server_state.connections or self.server_state.tasks:
            if time.monotonic() > end_s:
                break
            await asyncio.sleep(0.002)
        for task in self.server_state.tasks:
            task.cancel()


def make_server(app: ASGIApp, *, has_websockets: bool = False) -> FastServer:
    return FastServer(
        uvicorn.Config(
            app,
            http=BreakableProtocol,
            loop="asyncio",
            lifespan="off",
            ws="websockets-sansio" if has_websockets else "none",
            ws_per_message_deflate=False,
            ws_ping_interval=None,
            log_config=None,
            log_level="critical",
            access_log=False,
        )
    )


class LocalServer:
    """A server for tests: an async context manager, or start() and stop().

    As a context it runs on the caller's loop if that is a virtual one, since time may pass only
    when both sides have come to rest; else, and after start(), in a thread of its own.
    """

    _serving: asyncio.Task[None] | None = None
    _thread: threading.Thread | None = None

    async def serve(self) -> None:
        """Serve on the running loop until `end_serving`."""
        raise NotImplementedError

    def is_serving(self) -> bool:
        """Tell whether `serve` takes connections."""
        raise NotImplementedError

    def end_serving(self) -> None:
        """Let `serve` cut every connection and return; to be called from any thread."""
        raise NotImplementedError

    def start(self) -> None:
        """Serve in a thread of its own; after `stop`, on the same port again."""
        self._thread = threading.Thread(target=lambda: asyncio.run(self.serve()), daemon=True)
        self._thread.start()
        end_s = time.monotonic() + 30
        while not self.is_serving():
            assert self._thread.is_alive() and time.monotonic() < end_s, "did not start"
            time.sleep(0.002)  # nobody tells a thread that it has started

    def stop(self) -> None:
        """Cut every connection and end the thread."""
        if self._thread is not None:
            self.end_serving()
            self._thread.join(30)
            self._thread = None

    async def open(self) -> None:
        """Serve where the context says; after `close`, the same port again."""
        if not is_virtual():
            await asyncio.to_thread(self.start)
            return
        self._serving = asyncio.create_task(self.serve())
        while not self.is_serving():
            await asyncio.sleep(0)
            if self._serving.done():
                self._serving.result()

    async def close(self) -> None:
        """End what `open` began."""
        if self._serving is None:
            await asyncio.to_thread(self.stop)
            return
        self.end_serving()
        await self._serving
        self._serving = None

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


class AsgiServer(LocalServer):
    """A server under way."""

    def __init__(self, app: ASGIApp, *, port: int = 0, has_websockets: bool = False) -> None:
        self._server = make_server(app, has_websockets=has_websockets)
        self._socket = listen(port)

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    async def serve(self) -> None:
        await self._server._serve(sockets=[self._socket])
        self._socket.close()

    def is_serving(self) -> bool:
        return self._server.started

    def end_serving(self) -> None:
        self._server.stop()

    @property
    def base_url(self) -> str:
        return f"{self.origin}/v1"
