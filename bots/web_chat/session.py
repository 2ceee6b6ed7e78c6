"""Sessions: one browser is one person, who has as many chats as they like and knows no others.

The cookie holds a random key; the person's id is its hash, so that a database, a log or a metric
that shows the id does not hand out the session. Ids of chats begin with that of their person.
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
#: What the page calls a chat: empty for a person's first one.
_NAME = re.compile(r"[a-z0-9]{0,16}\Z")
_MARK = "-"
#: The longest life that browsers grant a cookie.
_MAX_AGE_S = 400 * 24 * 3600


def read_chat(connection: HTTPConnection, parameter: str = "chat") -> Chat | None:
    """Return the chat of this browser that the query names, None if it has no session."""
    key = connection.cookies.get(COOKIE, "")
    name = connection.query_params.get(parameter, "")
    if not _KEY.match(key) or not _NAME.match(name):
        return None
    person_id = hashlib.sha256(key.encode()).hexdigest()[:32]
    return Chat("web", "local", f"{person_id}{_MARK}{name}" if name else person_id)


def person_of(chat: Chat) -> Chat:
    """Return the first chat of the person whose chat this is: its id is theirs."""
    return Chat(chat.platform, chat.bot_id, chat.chat_id.partition(_MARK)[0])


def name_of(chat: Chat) -> str:
    """Return what the page calls a chat."""
    return chat.chat_id.partition(_MARK)[2]


def renew(connection: HTTPConnection, response: Response) -> None:
    """Keep the browser's session for another year or so, or begin one.

    Asked for by the page itself, never by opening it: a browser that follows a link from another
    site does not send a strict cookie, and would lose its chats.
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
