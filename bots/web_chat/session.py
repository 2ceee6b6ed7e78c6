"""Sessions: one browser is one chat, and knows no other.

The cookie holds a random key; the chat's id is its hash, so that a database, a log or a metric
that shows the id does not hand out the session.
"""

from __future__ import annotations

import hashlib
import re
import secrets

from starlette.requests import HTTPConnection
from starlette.responses import Response

from core.models import Chat

COOKIE = "hearsay_session"
_KEY = re.compile(r"[A-Za-z0-9_-]{43}\Z")
#: The longest life that browsers grant a cookie.
_MAX_AGE_S = 400 * 24 * 3600


def read_chat(connection: HTTPConnection) -> Chat | None:
    """Return the chat of this browser, None if it has no session."""
    key = connection.cookies.get(COOKIE, "")
    if not _KEY.match(key):
        return None
    return Chat("web", "local", hashlib.sha256(key.encode()).hexdigest()[:32])


def renew(connection: HTTPConnection, response: Response) -> None:
    """Keep the browser's session for another year or so, or begin one.

    Asked for by the page itself, never by opening it: a browser that follows a link from another
    site does not send a strict cookie, and would lose its chat.
    """
    key = connection.cookies.get(COOKIE, "")
    if not _KEY.match(key):
        key = secrets.token_urlsafe(32)
    response.set_cookie(COOKIE, key, max_age=_MAX_AGE_S, httponly=True, samesite="strict", path="/")
