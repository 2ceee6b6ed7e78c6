"""HTTP client of one service: a total deadline, a size limit, and no trust in its responses."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping
from contextlib import aclosing, asynccontextmanager
from functools import cache
from typing import Any

import httpx
from httpx_sse import EventSource

from core.engines.wire.connections import join_writes
from core.errors import ConfigError, EngineBadReply, EngineBusy, EngineError
from core.logs import list_forms, redact
from core.stall import note_progress

#: Largest response that is read.
MAX_RESPONSE_BYTES = 64 * 1024 * 1024
#: How much of an error response is read.
_MAX_ERROR_BYTES = 64 * 1024
_CONNECT_S = 10.0
#: Idle connections are kept, since opening one may take longer than a response. Load balancers
#: drop theirs after 60 s.
_KEEPALIVE_S = 55.0

ReadError = Callable[[int, bytes, str | None], EngineError]


@cache
def tls() -> ssl.SSLContext:
    """Return the TLS context of all HTTP connections: reading the certificates is slow."""
    return httpx.create_ssl_context()


class EngineClient:
    """Calls one service. Every failure becomes an EngineError without its address or key."""

    def __init__(self, base_url: str, headers: Mapping[str, str], read_error: ReadError) -> None:
        self._base_url = _check_url(base_url)
        self._read_error = read_error
        self._keys = list_forms(value.removeprefix("Bearer ") for value in headers.values())
        self._http = httpx.AsyncClient(
            headers={**_check_headers(headers), "accept-encoding": "identity"},
            # Each call has a total deadline instead of a timeout per read.
            timeout=httpx.Timeout(None, connect=_CONNECT_S),
            limits=httpx.Limits(
                max_connections=100, max_keepalive_connections=20, keepalive_expiry=_KEEPALIVE_S
            ),
            follow_redirects=False,
            verify=tls(),
        )
        join_writes(self._http)

    async def send(self, method: str, path: str, *, deadline_s: float, **body: Any) -> bytes:
        """Return the body of a response with status 200. body: httpx's json, data, files.

        Raises what `read_error` returns for any other status, EngineBusy, EngineBadReply.
        """
        async with self.open(method, path, deadline_s=deadline_s, **body) as response:
            return await read_body(response)

    @asynccontextmanager
    async def open(
        self,
        method: str,
        path: str,
        *,
        deadline_s: float,
        read_error: ReadError | None = None,
        **body: Any,
    ) -> AsyncIterator[httpx.Response]:
        """Yield a response with status 200, whose body must be read before the deadline.

        read_error: replaces that of the client. Raises as `send` does; an error is not free once
        a stream has begun, a response has broken off, or the deadline is over.
        """
        has_begun = False
        try:
            async with (
                asyncio.timeout(deadline_s),
                self._http.stream(method, self._base_url + path, **body) as response,
            ):
                await self._check(response, read_error or self._read_error)
                has_begun = True
                yield response
        except EngineError as error:
            error.is_free &= not (has_begun and is_event_stream(response))
            raise
        except TimeoutError:
            raise _make_busy(f"no complete response within {deadline_s:.0f} s") from None
        except (httpx.HTTPError, httpx.StreamError) as error:
            raise _make_busy(self._describe(error), is_free=not has_begun) from None

    def _describe(self, error: Exception) -> str:
        """Return an error of the connection without its text: it may contain the URL with a key."""
        address = httpx.URL(self._base_url)
        host = f"{address.host}:{address.port}" if address.port else address.host
        return f"{type(error).__name__}: the connection to {host} failed"

    async def _check(self, response: httpx.Response, read_error: ReadError) -> None:
        """Limit what can be read of a response. Raises the error that a bad status means.

        People see the reason that a service gives, in which some repeat what they were sent.
        """
        _cap(response)
        if response.status_code == 200:
            return
        start = b""
        async for chunk in response.aiter_raw():
            start += chunk
            if len(start) > _MAX_ERROR_BYTES:
                break
        told = redact(start.decode("utf-8", "replace"), self._keys).encode()
        error = read_error(response.status_code, told, response.headers.get("retry-after"))
        error.status = error.status or response.status_code
        raise error

    @property
    def host(self) -> str:
        """The name of the server, as people may see it."""
        return httpx.URL(self._base_url).host

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()


def _make_busy(detail: str, *, is_free: bool = False) -> EngineBusy:
    error = EngineBusy(detail)
    error.is_free = is_free
    return error


async def stream_body(body: Iterable[bytes]) -> AsyncIterator[bytes]:
    """Yield the chunks of a body for httpx: each is made when the one before was sent."""
    for chunk in body:
        yield chunk


async def read_body(response: httpx.Response) -> bytes:
    """Return the whole body of an open response."""
    return b"".join([chunk async for chunk in response.aiter_raw()])


def is_event_stream(response: httpx.Response) -> bool:
    """Return whether a response is a stream of server-sent events."""
    return str(response.headers.get("content-type", "")).lower().startswith("text/event-stream")


async def read_events(response: httpx.Response) -> AsyncIterator[str]:
    """Yield the data of each server-sent event of an open response."""
    # The standard allows no other encoding, whatever the header says.
    response.encoding = "utf-8"
    async for event in EventSource(response).aiter_sse():
        if event.data:
            note_progress()
            yield event.data


async def relay(source: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """Yield what `source` yields, which runs in a task of its own.

    Its deadline then cancels that task and not the caller's, whose own time does not count.
    """
    parts: asyncio.Queue[bytes | None] = asyncio.Queue()

    async def pump() -> None:
        try:
            async with aclosing(source):
                async for part in source:
                    parts.put_nowait(part)
        finally:
            parts.put_nowait(None)

    task = asyncio.create_task(pump())
    try:
        while (part := await parts.get()) is not None:
            note_progress()
            yield part
        await task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


class _CappedStream(httpx.AsyncByteStream):
    """A response body that fails beyond MAX_RESPONSE_BYTES."""

    def __init__(self, stream: httpx.AsyncByteStream) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for chunk in self._stream:
            size += len(chunk)
            if size > MAX_RESPONSE_BYTES:
                raise EngineBadReply("the response is larger than 64 MB")
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()


def _cap(response: httpx.Response) -> None:
    """Limit what can be read of `response`, and refuse compression.

    None was requested: a small gzip may hold gigabytes, and httpx unpacks each read whole.
    """
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        raise EngineBadReply("the response is compressed, which was not requested")
    assert isinstance(response.stream, httpx.AsyncByteStream)
    response.stream = _CappedStream(response.stream)


def _check_url(base_url: str) -> str:
    try:
        url = httpx.URL(base_url)
    except httpx.InvalidURL:
        raise ConfigError("the base URL of an engine is invalid") from None
    if url.scheme not in ("http", "https") or not url.host:
        raise ConfigError("the base URL of an engine must start with http:// or https://")
    return base_url.rstrip("/")


def _check_headers(headers: Mapping[str, str]) -> dict[str, str]:
    for name, value in headers.items():
        if not (value.isascii() and value.isprintable()):
            raise ConfigError(f"the key in the header {name} contains invalid characters")
    return dict(headers)
