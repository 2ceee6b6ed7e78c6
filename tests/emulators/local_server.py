"""Test servers: an ASGI app on a local port, with connections that can be broken on purpose."""

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

from bots.web_server import WebSocketProtocol
from tests.support.ports import free_port
from tests.support.virtual_time import is_virtual

#: Time that pending requests get when a server stops.
_BUSY_S = 1.0


class BreakableProtocol(H11Protocol):
    """HTTP protocol that puts the transport into the ASGI scope, so that the app can break it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}


def break_connection(scope: Scope, *, is_reset: bool) -> None:
    """Close the connection immediately, with a TCP reset or cleanly in the middle of a response."""
    transport: asyncio.Transport = scope["state"]["transport"]
    if is_reset:
        linger = struct.pack("ii", 1, 0)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        transport.abort()
    else:
        transport.close()


async def never_respond(scope: Scope, receive: Receive, send: Send) -> None:
    """ASGI app that sends no response until the client disconnects."""
    while (await receive())["type"] != "http.disconnect":
        pass


def listen(port: int) -> socket.socket:
    """Return a socket that listens on 127.0.0.1; 0 picks a port that stays free after a close."""
    # asyncio disables Nagle's algorithm (a delay of 40 ms) only if the protocol is given.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port or free_port()))
    listener.listen(512)
    return listener


class FastServer(uvicorn.Server):
    """uvicorn without its 0.1 s delays at start and stop: tests start it a thousand times."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        await super().startup(sockets)

    async def main_loop(self) -> None:
        if is_virtual():  # a tick every 0.1 s would limit how far virtual time can jump
            await self.on_tick(0)  # the Date header
            await self._stopping.wait()
            return
        counter = 0
        while not await self.on_tick(counter):
            counter += 1
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), 0.1)

    def stop(self) -> None:
        """Ask the server to stop; may be called from any thread."""
        self.should_exit = True
        with suppress(RuntimeError):  # already stopped
            self._loop.call_soon_threadsafe(self._stopping.set)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept no more connections and give pending requests one second."""
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
            ws=WebSocketProtocol if has_websockets else "none",
            ws_per_message_deflate=False,
            ws_ping_interval=None,
            log_config=None,
            log_level="critical",
            access_log=False,
        )
    )


class LocalServer:
    """A server for tests: an async context manager, or start() and stop().

    As a context manager it runs on the caller's event loop if that one has virtual time, which
    may advance only when client and server are both idle; otherwise, and after start(), it runs
    in its own thread.
    """

    _serving: asyncio.Task[None] | None = None
    _thread: threading.Thread | None = None

    async def serve(self) -> None:
        """Serve on the running event loop until `end_serving`."""
        raise NotImplementedError

    def is_serving(self) -> bool:
        """Return whether `serve` accepts connections."""
        raise NotImplementedError

    def end_serving(self) -> None:
        """Make `serve` close every connection and return; may be called from any thread."""
        raise NotImplementedError

    def start(self) -> None:
        """Serve in a new thread; after `stop`, on the same port again."""
        self._thread = threading.Thread(target=lambda: asyncio.run(self.serve()), daemon=True)
        self._thread.start()
        end_s = time.monotonic() + 30
        while not self.is_serving():
            assert self._thread.is_alive() and time.monotonic() < end_s, "did not start"
            time.sleep(0.002)  # uvicorn has no event for this

    def stop(self) -> None:
        """Close every connection and end the thread."""
        if self._thread is not None:
            self.end_serving()
            self._thread.join(30)
            self._thread = None

    async def open(self) -> None:
        """Serve on this event loop or in a thread; after `close`, on the same port again."""
        if not is_virtual():
            await asyncio.to_thread(self.start)
            return
        self._serving = asyncio.create_task(self.serve())
        while not self.is_serving():
            await asyncio.sleep(0)
            if self._serving.done():
                self._serving.result()

    async def close(self) -> None:
        """Stop serving."""
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
    """A local server for one ASGI app."""

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
