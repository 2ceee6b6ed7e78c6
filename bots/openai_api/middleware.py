"""What stands in front of /v1: keys are checked before the body of a request is read.

Each request leaves one log entry; those of strangers leave one a minute.
"""

from __future__ import annotations

import secrets
from typing import Any

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bots.common.body_limit import BodyLimit, measure
from bots.openai_api.context import ApiContext
from bots.openai_api.errors import ApiError, make_pause_error
from bots.openai_api.leniency import Leniency
from core.logs import ThinnedLog

log = structlog.get_logger()

#: Body of a refused request that the server reads to its end.
_SKIPPED_BYTES = 1_000_000
#: Paths that need no key, because Open WebUI sends none for these lists: of preset voices, and of
#: names of models. All others need one, those that do not exist included.
_PUBLIC = ("/audio/voices", "/audio/models")
#: Responses hold private data, and no browser may guess their type.
_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


class ApiMiddleware:
    """ASGI middleware in front of the application."""

    def __init__(self, app: ASGIApp, context: ApiContext, body_limit: BodyLimit) -> None:
        self._app = app
        self._keys, self._paused = context.keys, context.paused
        self._clock = context.clock
        self._is_lenient = context.is_lenient
        self._body_limit = body_limit
        self._strangers = ThinnedLog("info", "api request without a key")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on requests with a key; refuse all others."""
        if scope["type"] != "http":
            return await send({"type": "websocket.close", "code": 1008})
        request_id = f"req_{secrets.token_hex(12)}"
        started_s, status, leniency = self._clock.monotonic(), 0, Leniency(self._is_lenient)

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                warning = leniency.build_headers() if leniency.has_ignored else {}
                own = {**_HEADERS, **warning, "X-Request-Id": request_id}
                MutableHeaders(scope=message).update(own)
            await send(message)

        state = scope.setdefault("state", {})
        state.update(request_id=request_id, key_name="", leniency=leniency)
        try:
            await self._check(scope, receive, send_with_id)
        finally:
            seconds = round(self._clock.monotonic() - started_s, 3)
            self._log(scope, status, {"request": request_id, "seconds": seconds})

    def _log(self, scope: Scope, status: int, fields: dict[str, Any]) -> None:
        # As declared: the path itself may hold anything.
        fields |= {"route": getattr(scope.get("route"), "path", ""), "status": status}
        key_name = scope["state"]["key_name"]
        if key_name or status == 429:
            log.info("api request", key=key_name, **fields)
        else:
            self._strangers.add(**fields)

    async def _check(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        if scope["path"].removeprefix(scope["root_path"]) in _PUBLIC:
            return await self._app(scope, receive, send)
        # MiMo's own clients send the header that its documentation shows first.
        own = f"Bearer {headers['api-key']}" if "api-key" in headers else ""
        try:
            key_name = await self._keys.admit(headers.get("authorization", own))
            scope["state"]["key_name"] = key_name
            if scope["method"] == "POST" and self._paused.is_set():
                raise make_pause_error()
        except ApiError as error:
            return await _build_refusal(error, headers)(scope, receive, send)
        async with self._body_limit.admit(f"key {key_name}", headers, receive) as paced:
            await self._app(scope, paced, send)


def _build_refusal(error: ApiError, headers: Headers) -> JSONResponse:
    """Return the response for a request whose body is left unread.

    Of a stranger the server reads only a short body to its end. To close at once could lose the
    response.
    """
    is_long = measure(headers, _SKIPPED_BYTES + 1) > _SKIPPED_BYTES
    if error.status_code == 401 and is_long:
        error.headers = {**(error.headers or {}), "Connection": "close"}
    return JSONResponse(error.body.model_dump(), error.status_code, error.headers)
