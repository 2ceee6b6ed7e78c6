"""Middleware: keys are checked before the body is read, bodies share one memory limit, and each
request leaves one log entry.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bots.openai_api.errors import AUTHENTICATION, ApiError
from bots.openai_api.keys import Budgets, Key, find_key
from core.clock import CLOCK, Clock

log = structlog.get_logger()

#: Bodies of all requests under way.
TOTAL_BYTES = 256 * 2**20
#: What a request counts that does not announce the size of its body, or announces too much: it is
#: refused or cut off there.
LARGEST_BYTES = 72 * 2**20
#: Body of a refused request that the server reads to its end.
_SKIPPED_BYTES = 1_000_000
#: The one path that needs no key.
_DOCUMENT = "/openapi.json"


class BodyLimit:
    """The memory that bodies may take together, given out in the order of requests."""

    def __init__(self, size_bytes: int = TOTAL_BYTES) -> None:
        self._free_bytes = size_bytes
        self._turn = asyncio.Lock()
        self._is_freed = asyncio.Event()

    @asynccontextmanager
    async def hold(self, announced: str) -> AsyncIterator[None]:
        """Wait for memory and hold it. announced: the header Content-Length, not trusted."""
        is_size = announced.isascii() and announced.isdigit() and len(announced) < 12
        taken = min(int(announced), LARGEST_BYTES) if is_size else LARGEST_BYTES
        async with self._turn:
            while self._free_bytes < taken:
                self._is_freed.clear()
                await self._is_freed.wait()
            self._free_bytes -= taken
        try:
            yield
        finally:
            self._free_bytes += taken
            self._is_freed.set()


class ApiMiddleware:
    """ASGI middleware in front of the application."""

    def __init__(
        self, app: ASGIApp, keys: tuple[Key, ...], budgets: Budgets, clock: Clock = CLOCK
    ) -> None:
        self._app = app
        self._keys = keys
        self._budgets = budgets
        self._clock = clock
        self._body_limit = BodyLimit()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on requests with a key and a budget; refuse all others."""
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        request_id = f"req_{secrets.token_hex(12)}"
        started_s, status = self._clock.monotonic(), 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Request-Id"] = request_id
            await send(message)

        state = scope.setdefault("state", {})
        state.update(request_id=request_id, key_name="")
        try:
            await self._check(scope, receive, send_with_id)
        finally:
            log.info(
                "api request",
                request=request_id,
                key=state["key_name"],
                # As declared: the path itself may hold anything.
                route=getattr(scope.get("route"), "path", ""),
                seconds=round(self._clock.monotonic() - started_s, 3),
                status=status,
            )

    async def _check(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        is_chunked = "transfer-encoding" in headers
        announced = headers.get("content-length", "" if is_chunked else "0")
        try:
            if not scope["path"].endswith(_DOCUMENT):
                key = find_key(self._keys, headers.get("authorization", ""))
                if key is None:
                    raise _build_unknown_key()
                scope["state"]["key_name"] = key.name
                await self._budgets.check_requests(key.name)
        except ApiError as error:
            is_short = len(announced) < 8 and announced.isdigit() and not is_chunked
            # The server reads a short body to its end: to close at once could lose the response.
            if not is_short or int(announced) > _SKIPPED_BYTES:
                error.headers = {**(error.headers or {}), "Connection": "close"}
            response = JSONResponse(error.body.model_dump(), error.status_code, error.headers)
            await response(scope, receive, send)
            return
        async with self._body_limit.hold(announced):
            await self._app(scope, receive, send)


def _build_unknown_key() -> ApiError:
    text = "Incorrect API key provided: send one of API_KEYS as Authorization: Bearer KEY."
    error = ApiError(401, text, kind=AUTHENTICATION, code="invalid_api_key")
    error.headers = {"WWW-Authenticate": "Bearer"}
    return error
