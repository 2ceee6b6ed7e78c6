"""The web server in our event loop: bound before it starts, idle between requests, stopped fast."""

from __future__ import annotations

import asyncio
import socket
from email.utils import format_datetime

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState

from core.clock import Clock
from core.errors import ConfigError

#: Pages send nothing but pings over their socket.
_SOCKET_BYTES = 4096


class _State(ServerState):
    """uvicorn's state, without what it would renew every second: the date of responses."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        super().__init__()

    #: The headers of the next response; what uvicorn sets is ignored.
    default_headers = property(
        lambda self: [(b"date", format_datetime(self._clock.now(), usegmt=True).encode())],
        lambda self, headers: None,
    )


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """uvicorn's newer implementation; its default uses an interface that websockets deprecated."""

    def shutdown(self) -> None:
        """Close the connection, unless the client has closed it already."""
        if not self.transport.is_closing():  # a second close would raise InvalidState
            super().shutdown()


def open_socket(host: str, port: int) -> socket.socket:
    """Listen on host and port, 0 = any free port. Raises ConfigError if it cannot."""
    if not 0 <= port <= 65535:
        raise ConfigError(f"WEB_PORT {port} is not a port")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named, asyncio sets TCP_NODELAY: small responses are 40 ms faster.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        detail = f"WEB_PORT {port} on {host} cannot be used: {error.strerror or error}"
        raise ConfigError(detail) from error
    return listener


async def serve(app: ASGIApp, listener: socket.socket, clock: Clock) -> None:
    """Serve until cancelled; running requests get a second to finish."""
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        proxy_headers=False,
        ws=WebSocketProtocol,
        ws_max_size=_SOCKET_BYTES,
        timeout_graceful_shutdown=1,
    )
    config.load()
    # The parts of `uvicorn.Server.serve`, without its signal handlers and its loop, which looks
    # ten times a second whether it is to stop.
    server = uvicorn.Server(config)
    server.server_state = _State(clock)
    server.lifespan = config.lifespan_class(config)
    await server.startup(sockets=[listener])
    try:
        await asyncio.Event().wait()
    finally:
        await server.shutdown(sockets=[listener])
