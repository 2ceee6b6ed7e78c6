"""Wrong passwords, by the address they came from: who tries many has to wait, longer each time."""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from dataclasses import dataclass

from starlette.requests import HTTPConnection

from core.clock import CLOCK, Clock

#: Wrong tries that cost nothing: people mistype.
FREE_ATTEMPTS = 4
#: The wait doubles from one second up to this.
MAX_WAIT_S = 60.0
#: Addresses that are remembered; the one that was silent for the longest is forgotten first.
MAX_ADDRESSES = 1000
#: Machines of one network share its upper half.
_IPV6_NETWORK = 64


@dataclass(slots=True)
class _Attempts:
    count: int = 0
    allowed_at_s: float = 0.0


class LoginThrottle:
    """Counts wrong tries."""

    def __init__(self, clock: Clock = CLOCK) -> None:
        self._clock = clock
        self._attempts: OrderedDict[str, _Attempts] = OrderedDict()

    def wait_s(self, address: str) -> float:
        """Return how long `address` has to wait before its next try, 0 = not at all."""
        attempts = self._attempts.get(address)
        return max(0.0, attempts.allowed_at_s - self._clock.monotonic()) if attempts else 0.0

    def add_failure(self, address: str) -> int:
        """Count a wrong try. Return how many there were."""
        attempts = self._attempts.setdefault(address, _Attempts())
        self._attempts.move_to_end(address)
        attempts.count += 1
        if attempts.count > FREE_ATTEMPTS:
            # The power is bounded too: floats end at 2**1024.
            wait_s = min(MAX_WAIT_S, 2.0 ** min(attempts.count - FREE_ATTEMPTS - 1, 20))
            attempts.allowed_at_s = self._clock.monotonic() + wait_s
        if len(self._attempts) > MAX_ADDRESSES:
            self._attempts.popitem(last=False)
        return attempts.count

    def reset(self, address: str) -> None:
        """Forget the wrong tries of who knows the password."""
        self._attempts.pop(address, None)


def read_address(connection: HTTPConnection) -> str:
    """Return what tells the caller's network from others.

    A proxy on this machine tells whom it speaks for, last in X-Forwarded-For; what stands before,
    and what other machines say there, may be made up.
    """
    peer = _read(connection.client.host if connection.client else "")
    if peer is not None and peer.is_loopback:
        said = connection.headers.get("x-forwarded-for", "").rpartition(",")[2]
        peer = _read(said) or peer
    if isinstance(peer, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((peer, _IPV6_NETWORK), strict=False))
    return str(peer)


def _read(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(address.strip())
    except ValueError:
        return None
