"""One HTTP server for each process, and the applications that are mounted on it."""

from __future__ import annotations

import asyncio

import structlog
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from bots.common.client_address import TrustedProxies
from bots.web_server.client_limit import ClientLimit
from bots.web_server.listener import Listener, open_socket
from bots.web_server.serve import serve
from core.clock import CLOCK, Clock
from core.config import Settings
from core.errors import ConfigError

#: Interval at which a port that is taken is tried again.
RETRY_S = 10.0
#: Wildcard addresses, which are no host names.
EVERY = frozenset(("0.0.0.0", "::", ""))


class WebServer:
    """The server on WEB_HOST and WEB_PORT: the web chat and the endpoints that platforms call.

    Limits on connections and deadlines are the same for all of them. Whatever else has to be
    checked, such as host names, passwords and secrets, each application checks itself.
    """

    def __init__(self, settings: Settings, clock: Clock = CLOCK, port: int | None = None) -> None:
        """port: another one than WEB_PORT."""
        self._host, self._clock = settings.web_host, clock
        self._port = settings.web_port if port is None else port
        self._proxies = TrustedProxies(settings.trusted_proxies)
        self._mounted: dict[str, ASGIApp] = {}
        self._listener: Listener | None = None
        #: The address on this machine, once `is_open` is set.
        self.url = ""
        self.is_open = asyncio.Event()

    def mount(self, path: str, app: ASGIApp) -> None:
        """Serve an application at exactly `path`, "/platform/purpose"; at "" all other paths."""
        self._mounted[path] = app

    def open(self) -> None:
        """Open the port. Raises ConfigError if it is taken."""
        self._listener = open_socket(self._host, self._port, self._proxies)
        port = self._listener.getsockname()[1]
        self.url = f"http://{shown_host(self._host)}:{port}"
        self.is_open.set()

    async def run(self) -> None:
        """Serve what is mounted until cancelled. Raises ConfigError if the port is taken."""
        if self._listener is None:
            self.open()
        listener, self._listener = self._listener, None
        assert listener is not None
        app: ASGIApp = self._dispatch if self._mounted.keys() - {""} else self._mounted[""]
        # Elsewhere the cap on connections is enough.
        if self._proxies.is_any:
            app = ClientLimit(app, self._proxies)
        try:
            await serve(app, listener, self._clock)
        finally:
            self.is_open.clear()

    async def run_beside(self) -> None:
        """Serve what is mounted until cancelled, as soon as no other process has the port."""
        log = structlog.get_logger()
        is_told = False
        while True:
            try:
                self.open()
            except ConfigError as error:
                if not is_told:
                    log.warning("health checks are not served here", error=str(error))
                is_told = True
                await self._clock.sleep(RETRY_S)
            else:
                log.info("health checks are served", url=self.url)
                return await self.run()

    async def _dispatch(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._mounted.get(scope["path"]) or self._mounted.get("")
        if app is not None:
            return await app(scope, receive, send)
        if scope["type"] == "websocket":
            return await send({"type": "websocket.close", "code": 1008})
        # The body is left unread, so the connection cannot be used again.
        refusal = PlainTextResponse("Not Found\n", 404, {"Connection": "close"})
        await refusal(scope, receive, send)


def shown_host(host: str) -> str:
    """Return the host for the URL of a server that listens on `host`."""
    if host in EVERY:
        host = "::1" if ":" in host else "127.0.0.1"
    return bracket(host)


def bracket(host: str) -> str:
    """Return a host as in URLs."""
    return f"[{host}]" if ":" in host else host
