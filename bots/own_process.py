"""Requests to the hearsay that runs on this machine, for commands that import little."""

from __future__ import annotations

import json
import urllib.request
from http.cookiejar import CookieJar
from typing import TYPE_CHECKING

from bots.parts import HEALTH_PORTS

if TYPE_CHECKING:
    from core.config import Settings

#: Longer than a check of all parts may take.
TIMEOUT_S = 15.0
_EVERY = ("0.0.0.0", "::", "")


def find_urls(settings: Settings) -> list[str]:
    """Return the addresses of processes on this machine: that with the page first, then parts.

    Empty if they may have any ports.
    """
    host = settings.web_host
    if host in _EVERY:
        host = "::1" if ":" in host else "127.0.0.1"
    host = f"[{host}]" if ":" in host else host
    ports = [settings.web_port + after for after in (0, *HEALTH_PORTS.values())]
    return [f"http://{host}:{port}" for port in ports] if settings.web_port else []


class OwnProcess:
    """A client of it, which keeps cookies."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        # A proxy of the environment is for other machines.
        proxies, cookies = urllib.request.ProxyHandler({}), CookieJar()
        self._opener = urllib.request.build_opener(
            proxies, urllib.request.HTTPCookieProcessor(cookies)
        )

    def get(self, path: str, *, password: str | None = None) -> bytes:
        """Return the body at a path. Raises OSError, whose class says whether somebody answered."""
        request = urllib.request.Request(self._url + path)
        if password:
            request.add_header("Authorization", f"Bearer {password}")
        return self._send(request)

    def post(self, path: str, body: object) -> bytes:
        """Send JSON, and return the body of the response. Raises OSError."""
        data, headers = json.dumps(body).encode(), {"Content-Type": "application/json"}
        return self._send(urllib.request.Request(self._url + path, data, headers))

    def _send(self, request: urllib.request.Request) -> bytes:
        with self._opener.open(request, timeout=TIMEOUT_S) as answer:
            body: bytes = answer.read()
        return body
