"""The entry: a key is asked for before a byte of the body is read; each request leaves a line."""

from __future__ import annotations

import secrets
import time
from collections.abc import Awaitable, Callable

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bots.web_chat.openai_api.budget import Budget
from bots.web_chat.openai_api.errors import AUTHENTICATION, ApiError
from bots.web_chat.openai_api.keys import Key, find_key

log = structlog.get_logger()

#: What may be read without a key: how the endpoints are used.
_OPEN = "/openapi.json"

FindKey = Callable[[str], Key | None]


class Entry:
    """ASGI layer in front of the endpoints."""

    def __init__(self, app: ASGIApp, keys: tuple[Key, ...], budget: Budget) -> None:
        self._app = app
        self._keys = keys
        self._budget = budget

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let through who has a key and may make a request; tell everybody else why not."""
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        request_id = f"req_{secrets.token_hex(12)}"
        started_s, status = time.monotonic(), 0

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
                seconds=round(time.monotonic() - started_s, 3),
                status=status,
            )

    def _admit(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["path"].endswith(_OPEN):
            return self._app(scope, receive, send)
        return self._check(scope, receive, send)

    async def _check(self, scope: Scope, receive: Receive, send: Send) -> None:
        key = find_key(self._keys, Headers(scope=scope).get("authorization", ""))
        try:
            if key is None:
                raise _build_unknown()
            scope["state"]["key_name"] = key.name
            await self._budget.check_pace(key.name)
        except ApiError as error:
            # The body is left unread, so nothing else can follow on this connection.
            headers = {**(error.headers or {}), "Connection": "close"}
            await JSONResponse(error.body, error.status_code, headers)(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _build_unknown() -> ApiError:
    text = "Incorrect API key provided: send one of API_KEYS as Authorization: Bearer KEY."
    error = ApiError(401, text, kind=AUTHENTICATION, code="invalid_api_key")
    error.headers = {"WWW-Authenticate": "Bearer"}
    return error
