"""Addresses on the public internet, as opposed to those of this machine or its network.

An engine that fetches a recording for us may stand beside the bot: what it reaches must not be what
a stranger chooses. Names are not resolved here, since the engine would resolve them again; so a
public name for a private address passes (docs/settings.md says so).
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from unicodedata import normalize
from urllib.parse import urlsplit

_PORTS = frozenset({None, 80, 443})
#: The last part of names that lead to this machine or its network (RFC 6761, RFC 6762, RFC 8375),
#: or to the services of a cluster: none of them is on the internet.
_LOCAL = frozenset(
    {"localhost", "localdomain", "local", "internal", "intranet", "lan", "home", "corp", "private"}
    | {"localnet", "workgroup", "domain", "arpa", "test", "invalid", "alt", "onion"}
    | {"svc", "consul", "nomad", "mesos", "rancher", "docker", "podman"}
)
#: Services whose names are addresses, as 127.0.0.1.nip.io, and the name of shared connections.
_NAMED_ADDRESSES = (
    "nip.io",
    "sslip.io",
    "xip.io",
    "localtest.me",
    "lvh.me",
    "vcap.me",
    "mshome.net",
)
#: IPv6 addresses that have an IPv4 address in their last four bytes (RFC 6052, RFC 8215).
_NAT64 = (ip_network("64:ff9b::/96"), ip_network("64:ff9b:1::/48"))
#: Registered for special purposes, which Python's versions do not agree about: of a site, for
#: documentation, segments of routes, of the protocol itself, and relays.
_SPECIAL = tuple(
    ip_network(text)
    for text in ("fec0::/10", "3fff::/20", "5f00::/16", "192.0.0.0/24", "192.88.99.0/24")
)


def is_public_url(url: str) -> bool:
    """Return whether `url` names a web server that everybody can reach, in plain writing."""
    try:
        parts = urlsplit(url)
        is_plain = parts.scheme in ("http", "https") and parts.port in _PORTS
    except ValueError:
        return False
    # Programs disagree about what such an address means.
    has_tricks = re.search(r"[\s\\@%\x00-\x1f]", parts.netloc) or "\\" in url
    host = normalize("NFKC", parts.hostname or "").rstrip(".").lower()
    return bool(is_plain and not has_tricks and host.isascii() and _is_public_host(host))


def _is_public_host(host: str) -> bool:
    try:
        return _is_public_ip(ip_address(host))
    except ValueError:
        labels = host.split(".")
    # What ends in a number is an IPv4 address in one of its old forms: 127.1, 0x7f.1, 2130706433.
    is_number = re.fullmatch(r"\d+|0x[0-9a-f]*", labels[-1])
    is_local = len(labels) < 2 or labels[-1] in _LOCAL or is_number or not all(labels)
    return not (is_local or any(f".{host}".endswith(f".{one}") for one in _NAMED_ADDRESSES))


def _is_public_ip(ip: IPv4Address | IPv6Address) -> bool:
    if isinstance(ip, IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo and ip.teredo[1])
        if any(ip in network for network in _NAT64):
            inner = IPv4Address(ip.packed[-4:])
        if inner and not _is_public_ip(inner):
            return False
    is_special = any(ip in network for network in _SPECIAL)
    return ip.is_global and not (
        is_special or ip.is_multicast or ip.is_reserved or ip.is_unspecified
    )
