"""HTTP connections that take less processor time than those of httpx and httpcore.

They build on inner parts of both, whose versions pyproject.toml limits.
"""

from __future__ import annotations

import asyncio
import select
from contextlib import suppress
from typing import Any

import httpcore
import httpcore._async.connection
import httpcore._async.http11
import httpx

#: More than this is sent before the rest of a request is there.
_MOST_UNSENT_BYTES = 64 * 1024

# A request takes three locks. anyio's goes through the event loop even if it is free, which was an
# eighth of the program's processor time for a voice note.
for _module in (httpcore._async.connection, httpcore._async.http11):
    _module.AsyncLock = asyncio.Lock  # type: ignore[attr-defined]


def join_writes(client: httpx.AsyncClient) -> None:
    """Make the connections of `client` send each request in one write.

    httpcore writes head and body apart, each with a system call and a packet of its own, and looks
    up the peer's address whenever it checks whether an idle connection was closed.
    """
    # httpx has no option for it. The mounts are those through proxies.
    for transport in (client._transport, *client._mounts.values()):
        if isinstance(transport, httpx.AsyncHTTPTransport):
            transport._pool._network_backend = _Backend(transport._pool._network_backend)


class DirectClient(httpx.AsyncClient):
    """A client without what few services need: redirects, cookies and other authentication."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        join_writes(self)

    async def request(self, method: str, url: httpx.URL | str, **parts: Any) -> httpx.Response:
        """Return the whole response. parts: timeout, headers, data, files."""
        address = httpx.URL(url)
        if address.userinfo:
            return await super().request(method, address, **parts)
        limits = {"timeout": parts.pop("timeout").as_dict()}
        request = httpx.Request(method, address, extensions=limits, **parts)
        response = await self._transport_for_url(address).handle_async_request(request)
        try:
            for hook in self.event_hooks["response"]:
                await hook(response)
            await response.aread()
        finally:
            await response.aclose()
        return response


class _Backend(httpcore.AsyncNetworkBackend):
    def __init__(self, backend: httpcore.AsyncNetworkBackend) -> None:
        self._backend = backend
        self.sleep = backend.sleep  # type: ignore[method-assign]

    async def connect_tcp(self, *address: Any, **options: Any) -> httpcore.AsyncNetworkStream:
        return _Stream(await self._backend.connect_tcp(*address, **options))


class _Stream(httpcore.AsyncNetworkStream):
    """Keeps what is written until the response is read."""

    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream
        self._unsent = b""
        self._socket = select.poll()
        self._socket.register(stream.get_extra_info("socket"), select.POLLIN)
        self.aclose = stream.aclose  # type: ignore[method-assign]

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        if self._unsent:
            unsent, self._unsent = self._unsent, b""
            # A server that refuses a request may answer before it has read all of it.
            with suppress(httpcore.WriteError):
                await self._stream.write(unsent, timeout)
        return await self._stream.read(max_bytes, timeout)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._unsent += buffer
        if len(self._unsent) > _MOST_UNSENT_BYTES:
            unsent, self._unsent = self._unsent, b""
            await self._stream.write(unsent, timeout)

    async def start_tls(self, *context: Any, **options: Any) -> httpcore.AsyncNetworkStream:
        return _Stream(await self._stream.start_tls(*context, **options))

    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable":
            return bool(self._socket.poll(0))
        return self._stream.get_extra_info(info)
