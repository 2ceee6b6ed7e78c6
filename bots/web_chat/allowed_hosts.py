"""Host names that the server answers to. Other machines reach it only where a password is set."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

from bots.web_server.server import EVERY, bracket
from core.config import Settings
from core.errors import ConfigError

#: Names that only this machine itself can reach.
LOCAL_HOSTS = frozenset(("127.0.0.1", "localhost", "::1"))


def read_host_name(host: str) -> str:
    """Return the name in a Host header without its port, empty if it is malformed."""
    try:
        parts = urlsplit(f"//{host}")
        _ = parts.port
    except ValueError:
        return ""
    return "" if parts.username is not None or parts.path else (parts.hostname or "")


def is_https(connection: HTTPConnection) -> bool:
    """Return whether the browser uses https, to a proxy in front of us.

    A client that lies harms only itself: its cookie is then not sent over plain http.
    """
    origin = connection.headers.get("origin", "")
    scheme = connection.headers.get("x-forwarded-proto", "")
    return origin.startswith("https://") or scheme.rpartition(",")[2].strip() == "https"


def is_open_to_others(settings: Settings) -> bool:
    """Return whether other machines can reach the page, directly or through a proxy."""
    return not LOCAL_HOSTS.issuperset((settings.web_host, *settings.web_hosts))


def has_no_names(settings: Settings) -> bool:
    """Return whether the page listens to other machines but has no host name for them."""
    return settings.web_host in EVERY and not settings.web_hosts


def read_host_names(settings: Settings) -> frozenset[str]:
    """Return the host names to answer to, as in a Host header without a port.

    Raises ConfigError if one is malformed, or if the page is open to others without a password.
    """
    setting = "WEB_HOSTS" if settings.web_host in LOCAL_HOSTS else f"WEB_HOST {settings.web_host}"
    if is_open_to_others(settings) and settings.secret("web_password") is None:
        raise ConfigError(f"{setting} opens the page to other machines: set WEB_PASSWORD")
    names = {read_host_name(name): name for name in settings.web_hosts}
    if "" in names:
        raise ConfigError(f"WEB_HOSTS: {names['']!r} is not a host name")
    own = {settings.web_host.lower()} - EVERY
    return frozenset(bracket(name) for name in LOCAL_HOSTS | own | names.keys())
