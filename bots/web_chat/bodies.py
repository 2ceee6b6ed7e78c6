"""Bodies that are sent to the page: they share the memory of those that are sent to the API."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from bots.common.body_limit import FORM_BYTES, BodyLimit
from bots.common.client_address import TrustedProxies
from bots.common.uploads import SMALL_BYTES
from bots.web_chat.login import FORM_BYTES as LOGIN_BYTES

_API = "/v1/"


class PageBodies:
    """ASGI middleware that holds memory for each body. The API does it by itself, per key."""

    def __init__(self, app: ASGIApp, body_limit: BodyLimit, proxies: TrustedProxies) -> None:
        self._app = app
        self._body_limit = body_limit
        self._proxies = proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on as soon as there is memory for its body."""
        if scope["type"] != "http" or scope["path"].startswith(_API):
            return await self._app(scope, receive, send)
        owner = f"visitor {self._proxies.find_client(HTTPConnection(scope))}"
        most_bytes = _find_most(scope["path"])
        headers = Headers(scope=scope)
        async with self._body_limit.admit(owner, headers, receive, most_bytes) as paced:
            await self._app(scope, paced, send)


def _find_most(path: str) -> int:
    """Return how much is read of a body: of a stranger's, next to nothing."""
    if path.endswith("/login"):
        return LOGIN_BYTES
    return FORM_BYTES if path == "/api/messages" else SMALL_BYTES
