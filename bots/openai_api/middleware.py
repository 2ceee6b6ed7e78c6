"""The entry: a key is asked for before a byte of the body is read; each request leaves a line."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bots.openai_api.body_limit import BodyLimit
from bots.openai_api.budget import Budget
from bots.openai_api.errors import AUTHENTICATION, ApiError
from bots.openai_api.keys import Key, find_key
from core.clock import CLOCK, Clock

log = structlog.get_logger()

#: A body of a refused request that is passed over unread.
_PASSED_BYTES = 1_000_000
#: What may be read without a key: how the endpoints are used.
_OPEN = "/openapi.json"


class ApiMiddleware:
    """ASGI layer in front of the endpoints."""

    def __init__(
        self, app: ASGIApp, keys: tuple[Key, ...], budget: Budget, clock: Clock = CLOCK
    ) -> None:
        self._app = app
        self._keys = keys
        self._budget = budget
        self._clock = clock
        self._room = BodyLimit()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let through who has a key and may make a request; tell everybody else why not."""
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        request_id = f"req_{secrets.token_hex(12)}"
        started_s, status = self._clock.monotonic(), 0

        async def send_noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Request-Id"] = request_id
            await send(message)

        state = scope.setdefault("state", {})
        state.update(request_id=request_id, key_name="")
        try:
            await self._admit(scope, receive, send_noted)
        finally:
            log.info(
                "api request",
                request=request_id,
                key=state["key_name"],
                # As it is declared: what a program wrote there is its own.
                route=getattr(scope.get("route"), "path", ""),
                seconds=round(self._clock.monotonic() - started_s, 3),
                status=status,
            )

    def _admit(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["path"].endswith(_OPEN):
            return self._app(scope, receive, send)
        return self._check(scope, receive, send)

    async def _check(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        key = find_key(self._keys, headers.get("authorization", ""))
        try:
            if key is None:
                raise _build_unknown()
            scope["state"]["key_name"] = key.name
            await self._budget.check_pace(key.name)
        except ApiError as error:
            told = {**(error.headers or {}), **_build_end(headers)}
            await JSONResponse(error.body, error.status_code, told)(scope, receive, send)
            return
        announced = headers.get("content-length", "" if _is_chunked(headers) else "0")
        async with self._room.hold(announced):
            await self._app(scope, receive, send)


def _build_end(headers: Headers) -> dict[str, str]:
    """Return what ends the connection where too much of a body would be in the way.

    A little is passed over by the server: to end at once could take the answer along.
    """
    announced = headers.get("content-length", "0")
    is_little = len(announced) < 8 and announced.isdigit() and int(announced) <= _PASSED_BYTES
    return {} if is_little and not _is_chunked(headers) else {"Connection": "close"}


def _is_chunked(headers: Headers) -> bool:
    return "transfer-encoding" in headers


def _build_unknown() -> ApiError:
    text = "Incorrect API key provided: send one of API_KEYS as Authorization: Bearer KEY."
    error = ApiError(401, text, kind=AUTHENTICATION, code="invalid_api_key")
    error.headers = {"WWW-Authenticate": "Bearer"}
    return error
