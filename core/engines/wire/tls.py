"""Trusted certificates, read once: that takes longer than everything else at the start."""

from __future__ import annotations

import ssl
from functools import cache

import httpx


@cache
def tls() -> ssl.SSLContext:
    """Return the TLS context of every HTTP connection of the program."""
    return httpx.create_ssl_context()
