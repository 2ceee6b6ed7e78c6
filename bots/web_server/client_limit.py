"""The cap on requests of each client behind a proxy: there all clients share its connections."""

from __future__ import annotations

from collections import Counter

from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from bots.common.client_address import TrustedProxies
from bots.openai_api.errors import RATE_LIMIT, ApiError
from bots.web_server.listener import read_limits
from core.locale import mark, translate

TOO_MANY = mark("You have too many requests open. Please wait a moment.")
_API = "/v1/"


class ClientLimit:
    """ASGI middleware that refuses a client's requests above as many as it may have connections."""

    def __init__(self, app: ASGIApp, proxies: TrustedProxies) -> None:
        self._app = app
        self._proxies = proxies
        self._most = read_limits().per_client
        self._open: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse the request or pass it on."""
        if not scope["client"] or not self._proxies.trusts(scope["client"][0]):
            return await self._app(scope, receive, send)
        connection = HTTPConnection(scope)
        client = self._proxies.find_client(connection)
        if self._open[client] >= self._most:
            return await _refuse(connection, receive, send)
        self._open[client] += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._open[client] -= 1
            if not self._open[client]:
                del self._open[client]


async def _refuse(connection: HTTPConnection, receive: Receive, send: Send) -> None:
    if connection.scope["type"] == "websocket":
        return await send({"type": "websocket.close", "code": 1013})
    # The body is left unread, so the connection cannot be used again.
    headers = {"Retry-After": "1", "Connection": "close", "Cache-Control": "no-store"}
    content = {"error": translate(TOO_MANY, connection.headers.get("accept-language", ""))}
    if connection.scope["path"].startswith(_API):
        content = ApiError(429, TOO_MANY, kind=RATE_LIMIT).body.model_dump()
    await JSONResponse(content, 429, headers)(connection.scope, receive, send)
