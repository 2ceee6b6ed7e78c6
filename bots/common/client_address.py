"""The client of a request: whose connection it is, or whom a trusted proxy names."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence

from starlette.requests import HTTPConnection

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

#: What counts as one client in IPv6. Providers and tunnel brokers give a customer up to a /48: with
#: less, one customer would be 65,536 clients. The price is that neighbours in a /48 share limits.
IPV6_PREFIX = 48
#: The client of a connection that has no address.
UNKNOWN = "unknown"


class TrustedProxies:
    """The proxies in front of the server that are believed when they name their client.

    Anybody may send X-Forwarded-For, so it counts only from the addresses of TRUSTED_PROXIES.
    """

    def __init__(self, networks: Sequence[Network] = ()) -> None:
        self._networks = networks

    @property
    def is_any(self) -> bool:
        """Return whether there are any."""
        return bool(self._networks)

    def trusts(self, host: str) -> bool:
        """Return whether an address is that of a proxy."""
        address = _read(host)
        return address is not None and self._holds(address)

    def find_client(self, connection: HTTPConnection) -> str:
        """Return the client of a request: an IPv4 address or an IPv6 network.

        Behind trusted proxies it is the last hop in X-Forwarded-For that is none of them: each
        proxy appends the address that it saw, and what stands before may be forged.
        """
        client = _read(connection.client.host) if connection.client else None
        hops = ",".join(connection.headers.getlist("x-forwarded-for")).split(",")
        for hop in reversed(hops):
            if client is None or not self._holds(client):
                break
            if (before := _read(hop)) is None:
                break
            client = before
        return _name(client)

    def _holds(self, address: Address) -> bool:
        return any(address in network for network in self._networks)


def name_client(host: str) -> str:
    """Return the client that connects from an address: itself, or its IPv6 network."""
    return _name(_read(host))


def _name(address: Address | None) -> str:
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((int(address), IPV6_PREFIX), strict=False))
    return UNKNOWN if address is None else str(address)


def _read(text: str) -> Address | None:
    """Return an address, with or without a port, as proxies write it; None if it is none.

    An IPv4 address that was mapped into IPv6 is an IPv4 address again.
    """
    text = text.strip()
    for candidate in _list_bare(text):
        try:
            address = ipaddress.ip_address(candidate)
        except ValueError:
            continue
        mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
        return mapped or address
    return None


def _list_bare(text: str) -> Iterable[str]:
    """Return what may be the address in "address", "address:port" or "[address]:port"."""
    yield text
    if text.startswith("["):
        yield text[1:].partition("]")[0]
    elif text.count(":") == 1:
        yield text.partition(":")[0]
