"""Sessions: one browser is one person, with any number of chats that nobody else sees.

The cookie holds a random key; the person's id is the hash of the first one, so that a database, a
log or a metric that shows the id does not hand out the session. A login and a logout replace the
key, so that copies of it are worthless. A chat's id starts with that of its person.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable

from starlette.requests import HTTPConnection
from starlette.responses import Response

from bots.web_chat.allowed_hosts import is_https
from core.models import PAGE, PAGE_BOT, Chat
from core.store.people.web_sessions import WebSessions

COOKIE = "hearsay_session"
_KEY = re.compile(r"[A-Za-z0-9_-]{43}\Z")
#: A chat's name on the page: empty for a person's first chat.
_NAME = re.compile(r"[a-z0-9]{0,16}\Z")
_SEPARATOR = "-"
#: Longest lifetime that browsers allow a cookie.
_MAX_AGE_S = 400 * 24 * 3600


class BrowserSessions:
    """The sessions of all browsers."""

    def __init__(self, stored: WebSessions, end_pages: Callable[[Chat], None]) -> None:
        """end_pages: ends the connections of all open pages of a person."""
        self._stored = stored
        self._end_pages = end_pages

    async def read_chat(self, connection: HTTPConnection) -> Chat | None:
        """Return the chat that the query names, None without a session."""
        key = connection.cookies.get(COOKIE, "")
        if not _KEY.match(key) or not _NAME.match(connection.query_params.get("chat", "")):
            return None
        person_id = await self._stored.find_person(key)
        return read_own_chat(connection, person_id, "chat") if person_id else None

    async def keep(self, connection: HTTPConnection, response: Response) -> None:
        """Let the browser keep its session for longer, or start one.

        The page calls this after loading: a browser that follows a link from another site does not
        send a strict cookie with the page itself, and would get a new session each time.
        """
        key = connection.cookies.get(COOKIE, "")
        if not _KEY.match(key) or not await self._stored.find_person(key):
            key = secrets.token_urlsafe(32)
        _set_cookie(connection, response, key)

    async def renew(
        self, connection: HTTPConnection, response: Response, *, is_over: bool = False
    ) -> None:
        """Give the browser a new key for its session, if it has one.

        is_over: the old key ends now, not when the new one is used first.
        """
        key = connection.cookies.get(COOKIE, "")
        if _KEY.match(key):
            if person := await self.read_chat(connection):
                self._end_pages(person_of(person))
            _set_cookie(connection, response, await self._stored.renew(key, is_over=is_over))


def read_own_chat(connection: HTTPConnection, person_id: str, parameter: str) -> Chat | None:
    """Return the chat of a person that `parameter` of the query names, None for no name."""
    name = connection.query_params.get(parameter, "")
    if not _NAME.match(name):
        return None
    return Chat(PAGE, PAGE_BOT, f"{person_id}{_SEPARATOR}{name}" if name else person_id)


def person_of(chat: Chat) -> Chat:
    """Return the first chat of the person, whose id is the person's."""
    return Chat(chat.platform, chat.bot_id, chat.chat_id.partition(_SEPARATOR)[0])


def name_of(chat: Chat) -> str:
    """Return a chat's name on the page."""
    return chat.chat_id.partition(_SEPARATOR)[2]


def _set_cookie(connection: HTTPConnection, response: Response, key: str) -> None:
    response.set_cookie(
        COOKIE,
        key,
        max_age=_MAX_AGE_S,
        path="/",
        secure=is_https(connection),
        httponly=True,
        samesite="strict",
    )
