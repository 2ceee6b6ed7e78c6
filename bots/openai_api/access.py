"""Access to /v1: keys and their budgets are checked before the body of a request is read.

Bodies share one memory limit, and each request leaves one log entry.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import re
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bots.openai_api.errors import AUTHENTICATION, RATE_LIMIT, ApiError, add_retry_after
from bots.openai_api.leniency import Leniency
from core import metrics
from core.clock import CLOCK, Clock
from core.config import Settings
from core.errors import ConfigError
from core.limits import RateLimit
from core.requester import requester_of_key, work_for
from core.store.operations.allowances import Allowances

log = structlog.get_logger()

#: Bodies of all requests under way.
TOTAL_BYTES = 256 * 2**20
#: What a request counts that does not announce the size of its body, or announces too much: it is
#: refused or cut off there.
LARGEST_BYTES = 72 * 2**20
#: What a form counts, however large: its file is stored in pieces, the rest is short.
FORM_BYTES = 4 * 2**20
#: Body of a refused request that the server reads to its end.
_SKIPPED_BYTES = 1_000_000
#: Paths that need no key: they tell nothing private, and Open WebUI sends none for the lists.
_PUBLIC = ("/openapi.json", "/audio/voices", "/audio/models")
#: Responses hold private data, and no browser may guess their type.
_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
#: Shorter keys could be guessed.
MIN_CHARS = 16
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,32}")
_SECRET = re.compile(rf"[!-~]{{{MIN_CHARS},}}")


@dataclass(frozen=True, slots=True)
class Key:
    """A key, and the name of the program or person who has it."""

    name: str
    digest: bytes = field(repr=False)


def read_keys(listed: str) -> tuple[Key, ...]:
    """Return the keys of "name=key,name=key".

    Raises ConfigError, whose text contains no key.
    """
    keys = []
    for number, part in enumerate(listed.split(","), 1):
        name, _, secret = part.strip().partition("=")
        if _NAME.fullmatch(name) and _SECRET.fullmatch(secret):
            keys.append(Key(name, hashlib.sha256(secret.encode()).digest()))
        elif part.strip():
            text = f"entry {number} is not name=key with a key of {MIN_CHARS} characters"
            raise ConfigError(f"API_KEYS: {text}")
    if len({key.name for key in keys}) < len(keys) or len({key.digest for key in keys}) < len(keys):
        raise ConfigError("API_KEYS: a name or a key appears twice")
    return tuple(keys)


class ApiKeys:
    """The keys, and the budget of each: requests per minute, audio per day. None = no limit."""

    def __init__(self, settings: Settings, allowances: Allowances, clock: Clock = CLOCK) -> None:
        """Raises ConfigError if API_KEYS is malformed."""
        minutes_per_day = settings.api_audio_minutes_per_day
        self._keys = read_keys(settings.secret("api_keys") or "")
        self._allowances = allowances
        self._clock = clock
        self._rate = RateLimit(settings.api_requests_per_minute, clock)
        self._day_s = minutes_per_day * 60.0 if minutes_per_day else None

    async def admit(self, authorization: str, *, needs_audio: bool) -> str:
        """Count a request and return the name of its key.

        authorization: the header, read in a time that does not depend on the keys.
        Raises ApiError: 401 for an unknown key, 429 for one whose budget is used.
        """
        scheme, _, secret = authorization.partition(" ")
        digest = hashlib.sha256(secret.strip().encode()).digest()
        names = [key.name for key in self._keys if hmac.compare_digest(key.digest, digest)]
        if scheme.lower() != "bearer" or not names:
            text = "Incorrect API key provided: send one of API_KEYS as Authorization: Bearer KEY."
            error = ApiError(401, text, kind=AUTHENTICATION, code="invalid_api_key")
            error.headers = {"WWW-Authenticate": "Bearer"}
            raise error
        if wait_s := await self._rate.take(key=names[0]):
            text = "This key has made too many requests in this minute."
            raise _build_exhausted(text, "rate_limit_exceeded", wait_s)
        now, day_s = self._clock.now(), self._day_s if needs_audio else None
        if day_s is not None and await self._allowances.spent_s(names[0], now.date()) >= day_s:
            text = f"This key has used its {day_s / 60:g} minutes of audio for today."
            midnight = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
            raise _build_exhausted(text, "insufficient_quota", (midnight - now).total_seconds())
        return names[0]

    @asynccontextmanager
    async def charge(self, name: str) -> AsyncIterator[None]:
        """Work for the key, and count the audio that engines are paid for, even if it fails then.

        Stored results are not: so a second try would not count what the first one has paid.
        """
        meter = metrics.Meter()
        token = metrics.METER.set(meter)
        try:
            with work_for(requester_of_key(name)):
                yield
        finally:
            metrics.METER.reset(token)
            if self._day_s is not None and meter.audio_s:
                await self._allowances.spend(name, self._clock.now().date(), meter.audio_s)


def _build_exhausted(text: str, code: str, wait_s: float) -> ApiError:
    return add_retry_after(ApiError(429, text, kind=RATE_LIMIT, code=code), wait_s)


class BodyLimit:
    """The memory that bodies may take together, given out in the order of requests."""

    def __init__(self, size_bytes: int = TOTAL_BYTES) -> None:
        self._free_bytes = size_bytes
        self._turn = asyncio.Lock()
        self._is_freed = asyncio.Event()

    @asynccontextmanager
    async def hold(self, announced: str, most_bytes: int = LARGEST_BYTES) -> AsyncIterator[None]:
        """Wait for memory and hold it.

        announced: the header Content-Length, not trusted. most_bytes: what is held at most.
        """
        is_size = announced.isascii() and announced.isdigit() and len(announced) < 12
        taken = min(int(announced), most_bytes) if is_size else most_bytes
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
    """ASGI middleware in front of the application.

    is_lenient: whether what is not supported is ignored with a warning.
    """

    def __init__(
        self, app: ASGIApp, keys: ApiKeys, clock: Clock = CLOCK, *, is_lenient: bool = True
    ) -> None:
        self._app = app
        self._keys = keys
        self._clock = clock
        self._is_lenient = is_lenient
        self._body_limit = BodyLimit()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on requests with a key and a budget; refuse all others."""
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
            if scope["path"].removeprefix(scope["root_path"]) not in _PUBLIC:
                # MiMo's own clients send the header that its documentation shows first.
                own = f"Bearer {headers['api-key']}" if "api-key" in headers else ""
                given, is_post = headers.get("authorization", own), scope["method"] == "POST"
                key_name = await self._keys.admit(given, needs_audio=is_post)
                scope["state"]["key_name"] = key_name
        except ApiError as error:
            is_short = len(announced) < 8 and announced.isdigit() and not is_chunked
            # Of a stranger the server reads only a short body to its end. To close at once could
            # lose the response.
            if error.status_code == 401 and not (is_short and int(announced) <= _SKIPPED_BYTES):
                error.headers = {**(error.headers or {}), "Connection": "close"}
            response = JSONResponse(error.body.model_dump(), error.status_code, error.headers)
            await response(scope, receive, send)
            return
        is_form = headers.get("content-type", "").startswith("multipart/form-data")
        most_bytes = FORM_BYTES if is_form else LARGEST_BYTES
        async with self._body_limit.hold(announced, most_bytes):
            await self._app(scope, receive, send)
