"""Sessions: one browser is one person, with any number of chats that nobody else sees.

The cookie holds a random key; the person's id is its hash, so that a database, a log or a metric
that shows the id does not hand out the session. A chat's id starts with that of its person.
"""

from __future__ import annotations

import hashlib
import re
import secrets

from starlette.requests import HTTPConnection
from starlette.responses import Response

from bots.web_chat.allowed_hosts import is_https
from core.models import Chat

COOKIE = "hearsay_session"
_KEY = re.compile(r"[A-Za-z0-9_-]{43}\Z")
#: A chat's name on the page: empty for a person's first chat.
_NAME = re.compile(r"[a-z0-9]{0,16}\Z")
_SEPARATOR = "-"
#: Longest lifetime that browsers allow a cookie.
_MAX_AGE_S = 400 * 24 * 3600


def read_chat(connection: HTTPConnection, parameter: str = "chat") -> Chat | None:
    """Return the chat that the query names, None without a session."""
    key = connection.cookies.get(COOKIE, "")
    name = connection.query_params.get(parameter, "")
    if not _KEY.match(key) or not _NAME.match(name):
        return None
    person_id = hashlib.sha256(key.encode()).hexdigest()[:32]
    return Chat("web", "local", f"{person_id}{_SEPARATOR}{name}" if name else person_id)


def person_of(chat: Chat) -> Chat:
    """Return the first chat of the person, whose id is the person's."""
    return Chat(chat.platform, chat.bot_id, chat.chat_id.partition(_SEPARATOR)[0])


def name_of(chat: Chat) -> str:
    """Return a chat's name on the page."""
    return chat.chat_id.partition(_SEPARATOR)[2]


def renew(connection: HTTPConnection, response: Response) -> None:
    """Renew the browser's session, or start one.

    The page calls this after loading: a browser that follows a link from another site does not
    send a strict cookie with the page itself, and would get a new session each time.
    """
    key = connection.cookies.get(COOKIE, "")
    if not _KEY.match(key):
        key = secrets.token_urlsafe(32)
    response.set_cookie(
        COOKIE,
        key,
        max_age=_MAX_AGE_S,
        path="/",
        secure=is_https(connection),
        httponly=True,
        samesite="strict",
    )
