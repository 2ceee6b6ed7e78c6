"""Access control, before the body of a request is read.

Refused are host names that only resolve to this machine (DNS rebinding; the Host header shows
it), requests that a browser sends for another site (Origin and Sec-Fetch-Site show it), and
requests without a login where a password is set.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bots.openai_api.errors import ApiError
from bots.web_chat.allowed_hosts import read_host_name
from bots.web_chat.login import Login
from core.locale import mark, translate

WRONG_HOST = mark("This address is not served here.")
WRONG_ORIGIN = mark("Requests from other pages are refused.")
NEED_LOGIN = mark("Please log in.")

#: Paths with private data: no other site may request them, and no cache may store them.
_DATA = re.compile(r"(/operator)?/(api|login)/|/metrics|/v1/")

_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "media-src 'self' blob:",
        "manifest-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def find_refusal(headers: Headers, host_names: Collection[str], is_strict: bool) -> str:
    """Return why a request is refused, empty if it may pass.

    is_strict: the request reads private data or changes something, so only our pages may send it.
    """
    hosts = headers.getlist("host")
    if len(hosts) != 1 or read_host_name(hosts[0]) not in host_names:
        return WRONG_HOST
    origins = headers.getlist("origin")
    # A proxy in front of us may serve the same page over https.
    if origins and origins not in ([f"http://{hosts[0]}"], [f"https://{hosts[0]}"]):
        return WRONG_ORIGIN
    if is_strict and headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
        return WRONG_ORIGIN
    return ""


class AccessControl:
    """ASGI middleware that checks access and adds the security headers to every response.

    logins: the areas that need a password.
    """

    def __init__(
        self, app: ASGIApp, host_names: Collection[str], logins: Sequence[Login] = ()
    ) -> None:
        self._app = app
        self._host_names = host_names
        self._logins = logins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse the request or pass it on."""
        connection = HTTPConnection(scope)
        refusal = self._refuse(connection)
        if scope["type"] == "websocket":
            if refusal is not None:
                await send({"type": "websocket.close", "code": 1008})
                return
            await self._app(scope, receive, send)
            return
        is_data = bool(_DATA.match(scope["path"]))

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                out = MutableHeaders(scope=message)
                out.update(_HEADERS)
                out.setdefault("Cache-Control", "no-store" if is_data else "no-cache")
            await send(message)

        await (refusal or self._app)(scope, receive, send_with_headers)

    def _refuse(self, connection: HTTPConnection) -> Response | None:
        path, headers = connection.scope["path"], connection.headers
        is_safe = connection.scope.get("method", "GET") in ("GET", "HEAD")
        why = find_refusal(headers, self._host_names, not is_safe or bool(_DATA.match(path)))
        if why:
            if path.startswith("/v1/"):
                return _build_api_refusal(why)
            return _build_refusal(headers, 403, {"error": why})
        for login in self._logins:
            if login.area.guards(path) and not login.is_allowed(connection):
                form = f"{login.area.path}/login"
                if is_safe and "text/html" in headers.get("accept", ""):
                    return RedirectResponse(form, 303, {"Cache-Control": "no-store"})
                return _build_refusal(headers, 401, {"error": NEED_LOGIN, "login": form})
        return None


def _build_refusal(headers: Headers, status: int, body: dict[str, str]) -> Response:
    language = headers.get("accept-language", "")
    body = {**body, "error": translate(body["error"], language)}
    # The body is left unread, so the connection cannot be used again.
    return JSONResponse(body, status, {"Connection": "close", "Cache-Control": "no-store"})


def _build_api_refusal(why: str) -> Response:
    """Return the refusal in the error envelope of /v1."""
    return JSONResponse(ApiError(403, why).body.model_dump(), 403, {"Connection": "close"})
