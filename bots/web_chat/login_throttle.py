"""Login throttling per client address: after some failures each attempt is delayed longer."""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from dataclasses import dataclass

from starlette.requests import HTTPConnection

from core.clock import CLOCK, Clock

#: Failures without a delay: people mistype.
FREE_ATTEMPTS = 4
#: The delay doubles from one second up to this.
MAX_WAIT_S = 60.0
#: Addresses that are remembered; the least recent is dropped first.
MAX_ADDRESSES = 1000
#: Prefix length of an IPv6 network, which counts as one address.
_IPV6_NETWORK = 64


@dataclass(slots=True)
class _Attempts:
    count: int = 0
    allowed_at_s: float = 0.0


class LoginThrottle:
    """Failed logins per address, and the delay of the next attempt."""

    def __init__(self, clock: Clock = CLOCK) -> None:
        self._clock = clock
        self._attempts: OrderedDict[str, _Attempts] = OrderedDict()

    def wait_s(self, address: str) -> float:
        """Return the delay of the next attempt from `address`, 0 = none."""
        attempts = self._attempts.get(address)
        return max(0.0, attempts.allowed_at_s - self._clock.monotonic()) if attempts else 0.0

    def add_failure(self, address: str) -> int:
        """Count a failure. Return how many there were."""
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
        """Forget the failures of an address that knows the password."""
        self._attempts.pop(address, None)


def read_address(connection: HTTPConnection) -> str:
    """Return the caller's address, for IPv6 its network.

    A proxy on this machine names its client last in X-Forwarded-For; earlier entries, and the
    header from other machines, may be forged.
    """
    peer = _read(connection.client.host if connection.client else "")
    if peer is not None and peer.is_loopback:
        forwarded = connection.headers.get("x-forwarded-for", "").rpartition(",")[2]
        peer = _read(forwarded) or peer
    if isinstance(peer, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((peer, _IPV6_NETWORK), strict=False))
    return str(peer)


def _read(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(address.strip())
    except ValueError:
        return None
