"""Who may talk to the server: checked before a byte of the body is read.

A page on the internet must not reach us by a name that resolves to this machine (the Host header
tells), nor by a request that a browser sends on its behalf (Origin and Sec-Fetch-Site tell).
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.locale import mark, translate

WRONG_HOST = mark("This address is not served here.")
WRONG_ORIGIN = mark("Requests from other pages are refused.")

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


def read_host_name(host: str) -> str:
    """Return the name in a Host header without its port, empty if it is malformed."""
    try:
        parts = urlsplit(f"//{host}")
        _ = parts.port
    except ValueError:
        return ""
    return "" if parts.username is not None or parts.path else (parts.hostname or "")


def find_refusal(headers: Headers, host_names: Iterable[str], is_api: bool) -> str:
    """Return why a request is refused, empty if it may pass."""
    hosts = headers.getlist("host")
    if len(hosts) != 1 or read_host_name(hosts[0]) not in host_names:
        return WRONG_HOST
    origins = headers.getlist("origin")
    if origins and origins != [f"http://{hosts[0]}"]:
        return WRONG_ORIGIN
    if is_api and headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
        return WRONG_ORIGIN
    return ""


class Gate:
    """ASGI layer that refuses strangers and puts the security headers on every answer."""

    def __init__(self, app: ASGIApp, host_names: Iterable[str]) -> None:
        self._app = app
        self._host_names = frozenset(host_names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a stranger, pass on everybody else."""
        headers = Headers(scope=scope)
        is_api = scope["path"].startswith("/api/")
        why = find_refusal(headers, self._host_names, is_api)
        if scope["type"] == "websocket":
            await self._pass_socket(why, scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                out = MutableHeaders(scope=message)
                out.update(_HEADERS)
                out.setdefault("Cache-Control", "no-store" if is_api else "no-cache")
            await send(message)

        if why:
            language = headers.get("accept-language", "")
            body = {"error": translate(why, language)}
            refusal = JSONResponse(body, status_code=403, headers={"Connection": "close"})
            await refusal(scope, receive, send_guarded)
            return
        await self._app(scope, receive, send_guarded)

    async def _pass_socket(self, why: str, scope: Scope, receive: Receive, send: Send) -> None:
        if why:
            await send({"type": "websocket.close", "code": 1008})
            return
        await self._app(scope, receive, send)
