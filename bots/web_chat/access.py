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
from bots.web_chat.login import Login
from core.locale import mark, translate

WRONG_HOST = mark("This address is not served here.")
WRONG_ORIGIN = mark("Requests from other pages are refused.")
NEED_LOGIN = mark("Please log in.")

#: Paths with private data: no other site may request them, and no cache may store them.
_DATA = re.compile(r"(/operator)?/(api|login)/|/metrics|/v1/")
_API = "/v1/"
_SAFE_METHODS = ("GET", "HEAD")
_PORT = re.compile(r":[0-9]{1,5}\Z")

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

#: What programs ask by an address that nobody has named, such as that of a container. Host names
#: protect a page without a password; with one, /metrics needs it and the others tell no reasons.
_FOR_PROGRAMS = frozenset(("/livez", "/readyz", "/metrics"))


def find_refusal(
    headers: Headers,
    host_names: Collection[str],
    is_strict: bool,
    allowed_origins: Collection[str] = (),
) -> str:
    """Return why a request is refused, empty if it may pass.

    is_strict: the request reads private data or changes something, so only our pages may send it,
    and those of `allowed_origins`; "*" allows all.
    """
    hosts = headers.getlist("host")
    if len(hosts) != 1 or _PORT.sub("", hosts[0].lower()) not in host_names:
        return WRONG_HOST
    origins = headers.getlist("origin")
    if len(origins) == 1 and {*origins, "*"} & set(allowed_origins):
        return ""
    # A proxy in front of us may serve the same page over https.
    if origins and origins not in ([f"http://{hosts[0]}"], [f"https://{hosts[0]}"]):
        return WRONG_ORIGIN
    if is_strict and headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
        return WRONG_ORIGIN
    return ""


class AccessControl:
    """ASGI middleware that checks access and adds the security headers to every page.

    logins: the areas that need a password. api_origins: other sites whose pages may use the API.
    """

    def __init__(
        self,
        app: ASGIApp,
        host_names: Collection[str],
        logins: Sequence[Login] = (),
        api_origins: Collection[str] = (),
    ) -> None:
        self._api_origins = api_origins
        self._app = app
        self._host_names = host_names
        self._logins = logins
        self._has_password = any(login.area.path == "" for login in logins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse the request or pass it on."""
        app, path, connection = self._app, scope["path"], HTTPConnection(scope)
        is_data = bool(_DATA.match(path))
        is_strict = is_data or scope.get("method", "GET") not in _SAFE_METHODS
        allowed = self._api_origins if path.startswith(_API) else ()
        why = ""
        if not (self._has_password and path in _FOR_PROGRAMS):
            why = find_refusal(connection.headers, self._host_names, is_strict, allowed)
        login = await self._find_closed(connection) if self._logins and not why else None
        if why or login:
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008})
                return
            app = _build_refusal(connection, why, login)
        # The API sets headers of its own.
        has_headers = scope["type"] == "websocket" or path.startswith(_API)
        await app(scope, receive, send if has_headers else _add_headers(send, is_data))

    async def _find_closed(self, connection: HTTPConnection) -> Login | None:
        for login in self._logins:
            if await login.refuses(connection):
                return login
        return None


def _add_headers(send: Send, is_data: bool) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            out = MutableHeaders(scope=message)
            out.update(_HEADERS)
            out.setdefault("Cache-Control", "no-store" if is_data else "no-cache")
        await send(message)

    return send_with_headers


def _build_refusal(connection: HTTPConnection, why: str, login: Login | None) -> Response:
    headers, status, body = connection.headers, 403, {"error": why}
    # The body is left unread, so the connection cannot be used again.
    last = {"Connection": "close", "Cache-Control": "no-store"}
    if connection.scope["path"].startswith(_API):
        return JSONResponse(ApiError(403, why).body.model_dump(), 403, last)
    if not why and login:
        form = f"{login.area.path}/login"
        if connection.scope["method"] in _SAFE_METHODS and "text/html" in headers.get("accept", ""):
            return RedirectResponse(form, 303, {"Cache-Control": "no-store"})
        status, body = 401, {"error": NEED_LOGIN, "login": form}
    body["error"] = translate(body["error"], headers.get("accept-language", ""))
    return JSONResponse(body, status, last)
