"""Under which names the server answers, and that none but this machine's is without a password."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

from core.config import Settings
from core.errors import ConfigError

#: Names of this machine that no other machine reaches.
LOCAL_HOSTS = frozenset(("127.0.0.1", "localhost", "::1"))
#: Addresses that mean every one of this machine: they are no names.
_EVERY = frozenset(("0.0.0.0", "::", ""))


def read_host_name(host: str) -> str:
    """Return the name in a Host header without its port, empty if it is malformed."""
    try:
        parts = urlsplit(f"//{host}")
        _ = parts.port
    except ValueError:
        return ""
    return "" if parts.username is not None or parts.path else (parts.hostname or "")


def is_https(connection: HTTPConnection) -> bool:
    """Tell whether the browser speaks https, to a proxy in front of us.

    A wrong word on it harms nobody else: its cookie is then kept back from plain http.
    """
    origin = connection.headers.get("origin", "")
    scheme = connection.headers.get("x-forwarded-proto", "")
    return origin.startswith("https://") or scheme.rpartition(",")[2].strip() == "https"


def is_open_to_others(settings: Settings) -> bool:
    """Tell whether other machines may reach the page: by its address, or through a proxy."""
    return not LOCAL_HOSTS.issuperset((settings.web_host, *settings.web_hosts))


def has_no_names(settings: Settings) -> bool:
    """Tell whether the page listens to other machines, but answers to no name that they know."""
    return settings.web_host in _EVERY and not settings.web_hosts


def read_host_names(settings: Settings) -> frozenset[str]:
    """Return the names that are served.

    Raises ConfigError if one is malformed, or if the page is open to others without a password.
    """
    setting = "WEB_HOSTS" if settings.web_host in LOCAL_HOSTS else f"WEB_HOST {settings.web_host}"
    if is_open_to_others(settings) and settings.secret("web_password") is None:
        raise ConfigError(f"{setting} opens the page to other machines: that needs WEB_PASSWORD")
    names = {read_host_name(name): name for name in settings.web_hosts}
    if "" in names:
        raise ConfigError(f"WEB_HOSTS: {names['']!r} is no name of a host")
    own = {settings.web_host.lower()} - _EVERY
    return LOCAL_HOSTS | own | names.keys()


def shown_host(host: str) -> str:
    """Return what stands in the address of a page that listens on `host`."""
    if host in _EVERY:
        host = "::1" if ":" in host else "127.0.0.1"
    return f"[{host}]" if ":" in host else host
