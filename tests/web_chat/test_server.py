from __future__ import annotations

import asyncio
import json
import socket
from datetime import timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest
from starlette.types import Receive, Scope, Send

from bots.web_chat import WebChat
from bots.web_server import open_socket, serve
from core.clock import Clock
from core.config import Settings
from core.errors import ConfigError
from core.metrics import MESSAGES
from tests.support.paths import ROOT
from tests.support.web_client import listen, open_client
from tests.support.web_inbox import FakeInbox

_UPGRADE = b"""\
GET / HTTP/1.1\r
Host: localhost\r
Connection: Upgrade\r
Upgrade: websocket\r
Sec-WebSocket-Version: 13\r
Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r
\r
"""


def make_web(tmp_path: Path, host: str = "127.0.0.1", port: int = 0) -> WebChat:
    settings = Settings(hearsay_home=tmp_path, web_host=host, web_port=port)
    return WebChat(settings, FakeInbox())


async def test_taken_port_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"WEB_PORT {port}"):
            await make_web(tmp_path, port=port).run()


async def test_it_stops_fast_with_a_page_open(tmp_path: Path, clock: Clock) -> None:
    web = make_web(tmp_path)
    assert not web.is_ready
    running = asyncio.create_task(web.run())
    await web.is_open.wait()
    assert web.is_ready
    async with open_client(web) as browser:
        await browser.post("/api/session")
        async with listen(browser, web):
            started_s = clock.monotonic()
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running
            assert clock.monotonic() - started_s < 5
            assert not web.is_ready
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", int(web.url.rpartition(":")[2])), 1).close()


@pytest.mark.finding(25)
async def test_it_stops_while_a_page_leaves(clock: Clock) -> None:
    """The page has closed its WebSocket, and the server still has something to send to it."""
    is_left, sending = asyncio.Event(), list[asyncio.Future[None]]()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        large = {"type": "websocket.send", "bytes": bytes(20_000_000)}
        sending.append(asyncio.ensure_future(send(large)))
        assert (await receive())["type"] == "websocket.disconnect"
        is_left.set()

    listener = open_socket("127.0.0.1", 0)
    running = asyncio.create_task(serve(app, listener, clock))
    with socket.create_connection(listener.getsockname()) as page:
        page.setblocking(False)
        page.sendall(_UPGRADE)
        assert b"101" in await asyncio.get_running_loop().sock_recv(page, 100)
        page.sendall(b"\x88\x80\0\0\0\0")  # a close frame; what was sent stays unread
        await is_left.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    await asyncio.gather(*sending, return_exceptions=True)  # until the connection is lost


async def test_responses_have_the_date_though_nothing_ticks(web: WebChat, clock: Clock) -> None:
    async with open_client(web) as client:
        for _ in range(2):
            sent_at = parsedate_to_datetime((await client.get("/livez")).headers["date"])
            assert abs(sent_at - clock.now()) < timedelta(seconds=2)
            await clock.sleep(100)


def test_small_answers_are_not_held_back() -> None:
    with open_socket("127.0.0.1", 0) as listener:
        # What asyncio looks at to turn Nagle's delay off: 40 ms for each small answer.
        assert listener.proto == socket.IPPROTO_TCP


async def test_health_readiness_and_metrics(web: WebChat, inbox: FakeInbox) -> None:
    async with open_client(web) as client:
        assert (await client.get("/livez")).status_code == 200
        ready = await client.get("/readyz")
        assert (ready.status_code, ready.json()["parts"]) == (200, inbox.parts)
        inbox.parts["jobs"] = False
        ready = await client.get("/readyz")
        assert (ready.status_code, ready.json()["is_ready"]) == (503, False)
        MESSAGES.labels("web", "test").inc()
        metrics = await client.get("/metrics")
        assert "# TYPE hearsay_poll_age_seconds gauge" in metrics.text
        assert 'hearsay_messages_total{platform="web",result="test"} 1.0' in metrics.text


@pytest.mark.finding(12)
async def test_readiness_names_an_engine_that_only_the_operator_can_fix(
    web: WebChat, inbox: FakeInbox
) -> None:
    inbox.engine_faults = {"mimo": "402 insufficient_balance: no balance"}
    async with open_client(web) as client:
        ready = await client.get("/readyz")
    assert ready.status_code == 503
    found = ready.json()
    assert found["parts"]["mimo"] is False and "402" in found["faults"]["mimo"]


async def test_pages_are_light_and_self_contained(web: WebChat) -> None:
    static = ROOT / "bots" / "web_chat" / "static"
    page = [path for path in static.iterdir() if path.is_file()]
    view = [path for name in ("operator", "login") for path in (static / name).iterdir()]
    words = sorted((static / "words").iterdir())
    # A page loads the words of one language.
    assert sum(path.stat().st_size for path in page) <= 140_000
    assert max(path.stat().st_size for path in words) <= 25_000
    assert sum(path.stat().st_size for path in view) <= 100_000
    async with open_client(web) as client:
        for path in page + view + words:
            answer = await client.get(f"/static/{path.relative_to(static).as_posix()}")
            assert answer.content == path.read_bytes()
            text = answer.text.replace("http://www.w3.org/2000/svg", "")
            assert "http://" not in text and "https://" not in text, path.name
        languages = json.dumps(sorted(path.stem for path in words))
        listed = await client.get("/static/words/languages.js")
        assert listed.text == f"export const LANGUAGES = {languages};\n"
        assert listed.headers["content-type"].startswith("text/javascript")
        answer = await client.get("/")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "set-cookie" not in answer.headers


async def test_unknown_page_is_one_sentence(web: WebChat) -> None:
    async with open_client(web) as client:
        for path in ("/nothing", "/static/../app.py", "/static/%2e%2e/app.py"):
            answer = await client.get(path)
            assert answer.status_code == 404
            assert list(answer.json()) == ["error"]
