"""Browsers' sessions: a login and a logout replace the key, and the person stays the same."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from http.cookies import SimpleCookie
from pathlib import Path

import pytest
from httpx import AsyncClient
from pydantic import SecretStr
from starlette.requests import HTTPConnection
from starlette.responses import Response
from websockets.exceptions import ConnectionClosed

from bots.web_chat import WebChat
from bots.web_chat.session import COOKIE, BrowserSessions, name_of, person_of, read_own_chat
from core.config import Settings
from core.models import Chat, ChatSettings
from core.store import Store
from tests.support.fake_inbox import FirstKeys
from tests.support.web_client import listen, open_client, send_sound
from tests.support.web_inbox import FakeInbox, open_web

PASSWORD = "correct horse battery"
FIRST, PLANTED = "k" * 43, "p" * 43


@pytest.fixture
async def web(tmp_path: Path, store: Store) -> AsyncIterator[WebChat]:
    """A page with a password, whose sessions are stored."""
    inbox = FakeInbox()
    inbox.web_sessions = store.web_sessions
    password = SecretStr(PASSWORD)
    settings = Settings(hearsay_home=tmp_path, web_port=0, web_password=password)
    async with open_web(settings, inbox) as web:
        yield web


async def log_in(client: AsyncClient) -> None:
    answer = await client.post("/login", json={"password": PASSWORD})
    assert answer.status_code == 200


async def write(client: AsyncClient, store: Store, words: str) -> None:
    """Send a message, of which the person's chat is stored."""
    assert (await send_sound(client, words)).status_code == 200
    await store.chats.save_settings(chat_of(client), ChatSettings())


def hold(client: AsyncClient, key: str) -> None:
    """Let a browser have this key, and no other."""
    client.cookies.set(COOKIE, key, domain="127.0.0.1", path="/")


def chat_of(client: AsyncClient) -> Chat:
    return Chat("web", "local", hashlib.sha256(client.cookies[COOKIE].encode()).hexdigest()[:32])


async def read(client: AsyncClient) -> list[str]:
    answer = await client.get("/api/history")
    assert answer.status_code == 200
    return [entry["id"] for entry in answer.json()["entries"]]


async def test_a_session_is_a_person_with_many_chats() -> None:
    sessions = BrowserSessions(FirstKeys(), lambda person: None)
    person_id = hashlib.sha256(FIRST.encode()).hexdigest()[:32]
    for name, chat_id in (("", person_id), ("abc1", f"{person_id}-abc1")):
        chat = await sessions.read_chat(open_at(FIRST, f"chat={name}"))
        assert chat == Chat("web", "local", chat_id)
        assert (person_of(chat), name_of(chat)) == (Chat("web", "local", person_id), name)
    like = read_own_chat(open_at(FIRST, "like=abc1"), person_id, "like")
    assert like == Chat("web", "local", f"{person_id}-abc1")
    assert read_own_chat(open_at(FIRST, "like=a-b"), person_id, "like") is None
    for bad_key, query in (("k" * 42, ""), ("k" * 44, ""), ("", ""), (FIRST, "chat=a-b")):
        assert await sessions.read_chat(open_at(bad_key, query)) is None
    for old, is_kept in ((FIRST, True), ("short", False)):
        response = Response()
        await sessions.keep(open_at(old, ""), response)
        new = SimpleCookie(response.headers["set-cookie"])[COOKIE].value
        assert (new == old) == is_kept and len(new) == 43


def open_at(key: str, query: str) -> HTTPConnection:
    headers = [(b"cookie", f"{COOKIE}={key}".encode())] if key else []
    return HTTPConnection(
        {"type": "http", "headers": headers, "query_string": query.encode(), "client": ("::1", 1)}
    )


async def test_a_key_that_others_know_is_worthless_after_the_login(
    web: WebChat, store: Store
) -> None:
    async with open_client(web) as victim, open_client(web) as thief:
        await log_in(victim)
        hold(victim, PLANTED)
        await write(victim, store, "sent-before")
        await log_in(victim)
        assert victim.cookies[COOKIE] != PLANTED
        assert await read(victim) == ["sent-before"], "the person is the same"
        await log_in(thief)
        hold(thief, PLANTED)
        assert (await thief.get("/api/history")).status_code == 401
        assert (await thief.post("/api/session")).status_code == 200
        assert thief.cookies[COOKIE] != PLANTED and await read(thief) == []


async def test_a_lost_response_to_a_login_locks_nobody_out(web: WebChat, store: Store) -> None:
    async with open_client(web) as browser:
        await log_in(browser)
        hold(browser, FIRST)
        await write(browser, store, "sent-before")
        for _ in range(2):
            await log_in(browser)
            hold(browser, FIRST)
        assert await read(browser) == ["sent-before"]


async def test_a_logout_ends_the_session_and_its_open_pages(web: WebChat, store: Store) -> None:
    async with open_client(web) as browser, open_client(web) as other:
        await log_in(browser)
        await browser.post("/api/session")
        await write(browser, store, "sent-before")
        before = browser.cookies[COOKIE]
        async with listen(browser, web) as socket:
            assert (await browser.post("/logout")).status_code == 200
            with pytest.raises(ConnectionClosed):
                while True:
                    await socket.recv()
        await log_in(other)
        hold(other, before)
        assert (await other.get("/api/history")).status_code == 401
        await log_in(browser)
        assert await read(browser) == ["sent-before"], "the browser itself has the key that follows"
