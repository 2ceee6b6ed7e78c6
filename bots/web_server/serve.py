"""The web server in our event loop: idle between requests, stopped fast."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import format_datetime

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState

from bots.web_server.http_protocol import HttpProtocol
from bots.web_server.listener import Listener
from core.clock import Clock
from core.logs import ThinnedLog

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


class _Thinning(logging.Filter):
    """Keeps malformed requests, each of which uvicorn logs, from filling the log."""

    def __init__(self) -> None:
        super().__init__()
        self._log = ThinnedLog("warning", "malformed requests")

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether to log a record as it is."""
        if record.levelno == logging.WARNING:
            self._log.add()
            return False
        return True


@contextmanager
def _thin_log() -> Iterator[None]:
    log, thinning = logging.getLogger("uvicorn.error"), _Thinning()
    log.addFilter(thinning)
    try:
        yield
    finally:
        log.removeFilter(thinning)


async def serve(app: ASGIApp, listener: Listener, clock: Clock) -> None:
    """Serve until cancelled; running requests get a second to finish."""
    config = uvicorn.Config(
        app,
        interface="asgi3",
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        proxy_headers=False,
        http=HttpProtocol,
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
    with _thin_log():
        await server.startup(sockets=[listener])
        try:
            await asyncio.Event().wait()
        finally:
            await server.shutdown(sockets=[listener])
