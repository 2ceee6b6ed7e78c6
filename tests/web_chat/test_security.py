from __future__ import annotations

import asyncio
import contextlib
from http.cookies import SimpleCookie

import pytest
from httpx import AsyncClient, ReadError, WriteError
from starlette.datastructures import Headers
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from bots.web_chat import WebChat
from bots.web_chat.access import WRONG_HOST, find_refusal
from bots.web_chat.allowed_hosts import read_host_name
from bots.web_chat.session import COOKIE
from bots.web_chat.wire import build_disposition, read_command, read_language
from core.clock import Clock
from core.text.file_names import safe_name
from tests.support.web_client import (
    FILE_HEAD,
    IS_FORM,
    Endless,
    listen,
    next_event,
    open_client,
    send_raw,
    send_sound,
    wait_for_reply,
)
from tests.support.web_inbox import FakeInbox

#: Of what is malformed, the table of names below has the rest.
WRONG_HOSTS = ["evil.example:80", "127.0.0.1.evil.example", "127.0.0.1@evil.example", "0.0.0.0", ""]


async def test_wrong_host_is_refused(web: WebChat) -> None:
    async with open_client(web) as client:
        for host in WRONG_HOSTS:
            # The parser itself refuses some of them.
            answer = await client.get("/", headers={"Host": host})
            assert answer.status_code in (400, 403), host
        for path in ("/api/history", "/metrics", "/static/app.js"):
            answer = await client.get(path, headers={"Host": WRONG_HOSTS[0]})
            assert answer.status_code == 403, path


@pytest.mark.parametrize("count", [0, 2])
def test_a_request_has_one_host(count: int) -> None:
    # The server's parser refuses them too; another one might not.
    headers = Headers(raw=[(b"host", b"localhost")] * count)
    assert find_refusal(headers, {"localhost"}, is_strict=False) == WRONG_HOST


@pytest.mark.parametrize(
    ("host", "name"),
    [
        *(("127.0.0.1:8765", "127.0.0.1"), ("LOCALHOST", "localhost"), ("[::1]:80", "::1")),
        *((bad, "") for bad in ("a@127.0.0.1", "[::1", "127.0.0.1/x", "127.0.0.1:port")),
    ],
)
def test_host_names_are_read(host: str, name: str) -> None:
    assert read_host_name(host) == name
    allowed = {"127.0.0.1", "localhost", "[::1]"}
    refusal = find_refusal(Headers({"Host": host}), allowed, is_strict=False)
    assert refusal == ("" if name else WRONG_HOST)


async def test_requests_of_other_sites_are_refused(
    browser: AsyncClient, web: WebChat, inbox: FakeInbox
) -> None:
    press = {"id": "press-0001", "token": "t"}
    cookie = f"{COOKIE}={browser.cookies[COOKIE]}"
    address = web.url.replace("http", "ws") + "/api/events"
    origins = ("http://evil.example", "null", "http://127.0.0.1:1", "http://localhost")
    for headers in (
        *({"Origin": origin} for origin in origins),
        *({"Sec-Fetch-Site": site} for site in ("cross-site", "same-site")),
    ):
        answer = await browser.post("/api/buttons", json=press, headers=headers)
        assert answer.status_code == 403, headers
        assert answer.json() == {"error": "Requests from other pages are refused."}
        assert not inbox.jobs
        with pytest.raises(InvalidStatus, match="403"):
            async with connect(address, additional_headers={**headers, "Cookie": cookie}):
                pass


async def test_chat_needs_a_session(web: WebChat) -> None:
    async with open_client(web) as client:
        for bad in ("", "short", "a" * 44, "a" * 42 + "="):
            headers = {"Cookie": f"{COOKIE}={bad}"} if bad else {}
            assert (await client.get("/api/history", headers=headers)).status_code == 401
            answer = await client.post("/api/messages", files={"id": (None, "x")}, headers=headers)
            assert answer.status_code == 401
        with pytest.raises(InvalidStatus, match="403"):
            async with listen(client, web):
                pass


async def test_cookie_is_http_only_and_renewed(browser: AsyncClient) -> None:
    key = browser.cookies[COOKIE]
    answer = await browser.post("/api/session")
    cookie = SimpleCookie(answer.headers["set-cookie"])[COOKIE]
    assert cookie.value == key
    assert cookie["httponly"] is True
    assert cookie["samesite"] == "strict"
    assert (cookie["path"], int(cookie["max-age"])) == ("/", 400 * 24 * 3600)
    assert not cookie["secure"], "it is http"
    answer = await browser.post("/api/session", headers={"X-Forwarded-Proto": "https"})
    assert SimpleCookie(answer.headers["set-cookie"])[COOKIE]["secure"] is True


async def test_session_sees_its_own_chat_only(
    browser: AsyncClient, stranger: AsyncClient, web: WebChat, inbox: FakeInbox
) -> None:
    async with listen(stranger, web) as socket:
        await send_sound(browser)
        reply = (await wait_for_reply(browser, "message-1"))["reply"]
        assert (await stranger.get("/api/history")).json() == {"entries": [], "has_more": False}
        answer = await stranger.get(reply["files"][0]["url"])
        assert answer.status_code == 404
        # The same id in another chat is another message.
        await send_sound(stranger, "message-1")
        assert (await next_event(socket))["id"] == "message-1"
    assert len(inbox.jobs) == 2
    assert browser.cookies[COOKIE] not in repr(inbox.jobs)


def claim(browser: AsyncClient, size: int) -> bytes:
    """Return the head of a request that announces a form of that size."""
    cookie = f"{COOKIE}={browser.cookies[COOKIE]}".encode()
    return (
        b"POST /api/messages HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: " + cookie + b"\r\n"
        b"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: %d\r\n\r\n" % size
    )


async def test_announced_oversize_is_refused_unread(browser: AsyncClient, web: WebChat) -> None:
    status, _, body = await send_raw(web.url, claim(browser, 99_999_999_999))
    assert status == 413 and b"the limit is 128 MB" in body


async def test_endless_body_is_cut_off(browser: AsyncClient, inbox: FakeInbox) -> None:
    for path, head, most in (
        ("/api/messages", FILE_HEAD, 160 << 20),
        ("/api/buttons", b" ", 64 << 20),
    ):
        body = Endless(head)
        # Cut off while still sending, the answer may be lost.
        with contextlib.suppress(WriteError, ReadError):
            answer = await browser.post(path, content=body, headers=IS_FORM)
            assert answer.status_code == 413
        assert body.sent_bytes < most
    assert not inbox.jobs
    assert (await browser.get("/livez")).status_code == 200


FORM = (
    b'--x\r\nContent-Disposition: form-data; name="id"\r\n\r\nmessage-1\r\n'
    b'--x\r\nContent-Disposition: form-data; name="text"\r\n\r\nhello\r\n'
    b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.ogg"\r\n\r\nOggS1234\r\n'
    b"--x--\r\n"
)


async def test_body_longer_than_it_claims_is_cut_and_refused(
    browser: AsyncClient, web: WebChat, inbox: FakeInbox
) -> None:
    for claimed in (1, 80, len(FORM) - 12):
        assert (await send_raw(web.url, claim(browser, claimed) + FORM))[0] == 400, claimed
    assert not inbox.jobs
    assert (await send_raw(web.url, claim(browser, len(FORM)) + FORM))[0] == 200
    assert len(inbox.jobs) == 1


async def test_body_shorter_than_it_claims_is_no_message(
    browser: AsyncClient, web: WebChat, inbox: FakeInbox, clock: Clock
) -> None:
    host, port = web.url.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(claim(browser, 5000) + FORM)
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    await clock.sleep(10)
    assert not inbox.jobs
    assert (await browser.get("/livez")).status_code == 200


async def test_broken_form_is_refused(browser: AsyncClient, inbox: FakeInbox) -> None:
    for body in (b"", b"--x--\r\n", b"nonsense", b"--x\r\n\r\n", FORM[:-12], FORM[:99]):
        answer = await browser.post("/api/messages", content=body, headers=IS_FORM)
        assert answer.status_code == 400, body
    assert not inbox.jobs
    answer = await browser.post("/api/messages", content=FORM * 2 + b"--y", headers=IS_FORM)
    assert answer.status_code == 200
    assert len(inbox.jobs) == 1


async def test_broken_press_is_refused(browser: AsyncClient, inbox: FakeInbox) -> None:
    for body in (b"", b"[]", b"{}", b'{"id":"press-0001","token":""}', b"[" * 100_000):
        answer = await browser.post("/api/buttons", content=body)
        assert answer.status_code == 400, body[:40]
    assert not inbox.jobs


@pytest.mark.parametrize(
    ("claimed", "safe"),
    [
        *(("../../etc/passwd", "passwd"), ("C:\\Windows\\a.wav", "a.wav")),
        ("a\x00b\r\nSet-Cookie: x.ogg", "a_b__Set-Cookie_ x.ogg"),
        *(("evil\u202egpj.exe", "evil_gpj.exe"), ("\ud800.ogg", "_.ogg")),
        *(("录音.m4a", "录音.m4a"), ("...", "file"), ("", "file")),
        *(("a" * 500 + ".ogg", "a" * 116 + ".ogg"), ("." + "b" * 500, "b" * 120)),
    ],
)
def test_file_names_are_made_safe(claimed: str, safe: str) -> None:
    assert safe_name(claimed) == safe
    assert build_disposition(claimed).isascii()


def test_language_and_command_are_read_with_care() -> None:
    assert read_language("zh-Hans-CN,zh;q=0.9,en;q=0.8") == "zh-Hans-CN"
    assert read_language("*") == ""
    assert read_language("en\u0000<script>") == ""
    assert read_command("/say good\nmorning") == ("say", "good\nmorning")
    assert read_command("/") == ("", "/")
    assert read_command("/home/user") == ("", "/home/user")
