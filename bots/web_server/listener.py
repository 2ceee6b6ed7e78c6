"""The listening socket: it caps connections, in all and per client, and never runs out of files."""

from __future__ import annotations

import asyncio
import errno
import os
import resource
import socket
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from bots.common.client_address import TrustedProxies, name_client
from core.errors import ConfigError
from core.logs import ThinnedLog

#: Connections at once, where the process may open that many files.
MAX_CONNECTIONS = 1000
#: Of these, the part that one client may have.
_SHARE = 4
#: Fewer would be too few for a browser, which opens six for a page.
_MIN_PER_CLIENT = 8
#: Connections that are refused in a row before the loop does something else.
_AT_ONCE = 100
#: Files that are only open so that one can be closed when no other can be opened.
_SPARES = 4
_EXHAUSTED = (errno.EMFILE, errno.ENFILE)
#: Interval at which asyncio tries again to accept.
_RETRY_S = 1.0
_TEXT = b"Too many connections. Please try again in a moment.\n"
_REFUSAL = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\n"
    b"Retry-After: 10\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(_TEXT), _TEXT)
)


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """How many connections there may be at once, in all and of one client."""

    total: int
    per_client: int


def read_limits() -> ConnectionLimits:
    """Return the limits: half of the files that the process may open are left for the rest of it.

    A client is an address that `name_client` names; trusted proxies have no limit of their own.
    """
    most_files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    is_unlimited = most_files == resource.RLIM_INFINITY
    total = MAX_CONNECTIONS if is_unlimited else min(MAX_CONNECTIONS, most_files // 2)
    return ConnectionLimits(total, max(_MIN_PER_CLIENT, total // _SHARE))


class _Connection(socket.socket):
    """An accepted connection, which frees its place when it is closed."""

    on_close: Callable[[], None] | None = None

    def close(self) -> None:
        """Close the connection."""
        super().close()
        on_close, self.on_close = self.on_close, None
        if on_close:
            on_close()


class Listener(socket.socket):
    """A listening socket that accepts no more connections than its limits allow.

    Those above are closed at once, with a short response where it still arrives.
    """

    def __init__(self, family: int, proxies: TrustedProxies) -> None:
        # With the protocol named, asyncio sets TCP_NODELAY: small responses are 40 ms faster.
        super().__init__(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self.limits = read_limits()
        self._proxies = proxies
        self._open: Counter[str] = Counter()
        self._log = ThinnedLog("error", "connections refused")
        self._spares: list[int] = []
        self._is_exhausted = False
        self._fill_spares()

    def accept(self) -> tuple[socket.socket, Any]:
        """Return the next connection that may stay. Raises BlockingIOError if there is none."""
        for _ in range(_AT_ONCE):
            try:
                accepted, address = super().accept()
            except OSError as error:
                if error.errno not in _EXHAUSTED:
                    raise
                self._refuse_with_spare(error)
                continue
            host = address[0]
            if reason := self._find_reason(host):
                self._refuse(accepted, reason)
                continue
            return self._admit(accepted, name_client(host)), address
        raise BlockingIOError

    def close(self) -> None:
        """Close the socket and the spare files."""
        super().close()
        while self._spares:
            os.close(self._spares.pop())

    def _find_reason(self, host: str) -> str:
        """Return why a connection is refused, empty if it is not."""
        if self._open.total() >= self.limits.total:
            return "too many connections"
        is_full = self._open[name_client(host)] >= self.limits.per_client
        return "too many of one client" if is_full and not self._proxies.trusts(host) else ""

    def _admit(self, accepted: socket.socket, client: str) -> socket.socket:
        kind = accepted.family, accepted.type, accepted.proto
        connection = _Connection(*kind, fileno=accepted.detach())
        self._open[client] += 1

        def free() -> None:
            self._open[client] -= 1
            if not self._open[client]:
                del self._open[client]

        connection.on_close = free
        return connection

    def _refuse(self, accepted: socket.socket, reason: str) -> None:
        self._log.add(reason=reason, connections=self._open.total())
        with accepted, suppress(OSError):
            accepted.setblocking(False)
            accepted.send(_REFUSAL)

    def _refuse_with_spare(self, error: OSError) -> None:
        """Refuse the next connection in place of a spare file.

        It would otherwise stay in the queue, and the loop would do nothing but look at it. Raises
        BlockingIOError if there is none, and `error` if another thread has taken the spare files:
        then asyncio waits for a second.
        """
        self._fill_spares()
        if not self._spares:
            # It goes on accepting for a while before it waits, and logs each failure.
            if self._is_exhausted:
                raise BlockingIOError
            self._is_exhausted = True
            asyncio.get_running_loop().call_later(_RETRY_S / 2, self._forget_exhaustion)
            raise error
        os.close(self._spares.pop())
        try:
            accepted, _ = super().accept()
            self._refuse(accepted, "too many open files")
        finally:
            self._fill_spares()

    def _forget_exhaustion(self) -> None:
        self._is_exhausted = False

    def _fill_spares(self) -> None:
        with suppress(OSError):
            while len(self._spares) < _SPARES:
                self._spares.append(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))


def open_socket(host: str, port: int, proxies: TrustedProxies | None = None) -> Listener:
    """Listen on host and port, 0 = any free port. Raises ConfigError if it cannot."""
    if not 0 <= port <= 65535:
        raise ConfigError(f"WEB_PORT {port} is not a port")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = Listener(family, proxies or TrustedProxies())
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        detail = f"WEB_PORT {port} on {host} cannot be used: {error.strerror or error}"
        raise ConfigError(detail) from error
    return listener
