"""The certificates that are trusted. To read them takes longer than all else at a start: once."""

from __future__ import annotations

import ssl
from functools import cache

import httpx


@cache
def tls() -> ssl.SSLContext:
    """Return what every connection of the program checks servers with."""
    return httpx.create_ssl_context()
