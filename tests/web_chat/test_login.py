"""Access to the page, and its passwords."""

from __future__ import annotations

from collections.abc import AsyncIterator
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any, Literal

import pytest
import pytest_asyncio
from httpx import AsyncClient, Response
from pydantic import SecretStr
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from bots.web_chat import WebChat
from bots.web_chat.login import OPERATOR, PAGE
from bots.web_chat.login_throttle import FREE_ATTEMPTS
from core.config import Settings
from core.errors import ConfigError
from tests.support.web_client import open_client, send_raw
from tests.support.web_inbox import FakeInbox, open_web

PASSWORD, ADMIN = "correct horse battery", "staple 密码 canary"
NAME = "hearsay.example.org"
# One server for all tests here, so they share one loop.
LOOP: Literal["module"] = "module"
pytestmark = pytest.mark.asyncio(loop_scope=LOOP)


def make_settings(home: Path, **changes: Any) -> Settings:
    return Settings(**{"hearsay_home": home, "web_port": 0, **changes})


@pytest_asyncio.fixture(scope="module", loop_scope=LOOP)
async def web(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[WebChat]:
    settings = make_settings(
        tmp_path_factory.mktemp("home"),
        web_host="0.0.0.0",
        web_hosts=(NAME,),
        trusted_proxies="127.0.0.1",
        web_password=SecretStr(PASSWORD),
        admin_password=SecretStr(ADMIN),
    )
    async with open_web(settings, FakeInbox()) as web:
        yield web


def open_at(web: WebChat, address: str, **headers: str) -> AsyncClient:
    """A browser at `address`, behind a proxy on this machine."""
    return open_client(web, **{"X-Forwarded-For": address, **headers})


async def log_in(client: AsyncClient, password: str, area: str = "") -> Response:
    return await client.post(f"{area}/login", json={"password": password})


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        *(
            ({"web_host": host}, r"WEB_HOST .*set WEB_PASSWORD")
            for host in ("0.0.0.0", "::", "192.168.1.4", "example.org", "")
        ),
        ({"web_hosts": (NAME,)}, r"WEB_HOSTS opens the page .*set WEB_PASSWORD"),
        *(
            (
                {"web_hosts": (name,), "web_password": SecretStr(PASSWORD)},
                r"WEB_HOSTS: .*not a host name",
            )
            for name in ("https://a.example", "a.example/", "me@a.example", "a:b")
        ),
    ],
)
async def test_others_need_a_password(tmp_path: Path, settings: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        WebChat(make_settings(tmp_path, **settings), FakeInbox())
    WebChat(make_settings(tmp_path, web_hosts=("localhost",)), FakeInbox())


@pytest.mark.parametrize("name", ["web_password", "admin_password"])
async def test_short_passwords_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        WebChat(make_settings(tmp_path, **{name: SecretStr("canary-9901")}), FakeInbox())
    assert str(caught.value) == f"{name.upper()} is shorter than 12 characters"
    WebChat(make_settings(tmp_path, **{name: SecretStr("canary-99012")}), FakeInbox())


async def test_printed_address_answers(web: WebChat) -> None:
    assert web.url.startswith("http://127.0.0.1:")
    async with open_client(web) as client:
        assert (await client.get("/livez")).status_code == 200


@pytest.mark.parametrize(
    ("host", "status"),
    [(NAME, 200), (f"{NAME.upper()}:443", 200), (f"www.{NAME}", 403), ("0.0.0.0", 403)],
)
async def test_only_configured_hosts_are_served(web: WebChat, host: str, status: int) -> None:
    async with open_client(web, Origin=f"http://{host}", Host=host) as client:
        assert (await client.get("/login")).status_code == status


async def test_everything_private_needs_the_password(web: WebChat) -> None:
    async with open_at(web, "10.0.0.1") as client:
        for path in ("/api/history", "/api/openapi.json", "/metrics", "/nothing", "/livez%0A"):
            answer = await client.get(path)
            assert answer.status_code == 401, path
            assert answer.json() == {"error": "Please log in.", "login": "/login"}
            assert answer.headers["cache-control"] == "no-store"
        for path in ("/", "/nothing"):
            answer = await client.get(path, headers={"Accept": "text/html"})
            assert (answer.status_code, answer.headers["location"]) == (303, "/login")
        for path in ("/livez", "/readyz", "/login", "/static/app.js", "/static/login/login.js"):
            answer = await client.get(path)
            assert answer.status_code == 200, path
            assert "default-src 'none'" in answer.headers["content-security-policy"]
        with pytest.raises(InvalidStatus, match="403"):
            async with connect(web.url.replace("http", "ws") + "/api/events"):
                pass


@pytest.mark.parametrize(
    ("cookie", "path"),
    [("", "/api/messages"), (f"{PAGE.cookie}={'a' * 43}", "/api/messages")]
    + [(f"{OPERATOR.cookie}={'a' * 43}", f"/operator/{path}") for path in ("api/x", "logout")],
)
async def test_request_without_login_is_refused_unread(
    web: WebChat, cookie: str, path: str
) -> None:
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nCookie: {cookie}\r\n"
    request = f"{head}Content-Length: 1000000\r\n\r\n".encode()
    status, _, body = await send_raw(web.url, request)
    assert status == 401 and b"Please log in." in body


@pytest.mark.parametrize("area", [PAGE, OPERATOR])
@pytest.mark.parametrize(
    "refused",
    # The last is a name that is served, but not the one that is asked.
    ["Origin: http://evil.example", "Sec-Fetch-Site: cross-site", f"Origin: https://{NAME}"],
)
async def test_login_from_another_site_is_refused_unread(
    web: WebChat, area: Any, refused: str
) -> None:
    head = f"POST {area.path}/login HTTP/1.1\r\nHost: localhost\r\n{refused}\r\n"
    status, _, body = await send_raw(web.url, f"{head}Content-Length: 1000\r\n\r\n".encode())
    assert status == 403 and b"other pages" in body


async def test_login_lasts_until_logout(web: WebChat) -> None:
    async with open_at(web, "10.0.0.2") as client:
        assert (await client.get("/login/state")).json() == {"is_in": False}
        answer = await log_in(client, PASSWORD)
        assert (answer.status_code, answer.json()) == (200, {"is_in": True})
        cookie = SimpleCookie(answer.headers["set-cookie"])[PAGE.cookie]
        assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "strict", "/")
        assert not cookie["secure"], "it is http"
        assert (await client.get("/login/state")).json() == {"is_in": True}
        assert (await client.get("/")).status_code == 200
        session = await client.post("/api/session")
        assert session.json()["has_login"] is True
        assert (await client.get("/operator/logout")).status_code == 401, "another area"
        key = client.cookies[PAGE.cookie]
        assert (await client.post("/logout")).json() == {"is_in": False}
        assert PAGE.cookie not in client.cookies
        client.cookies[PAGE.cookie] = key
        assert (await client.get("/api/history")).status_code == 401, "the server knows it too"


async def test_strangers_learn_that_something_is_wrong_and_not_what(web: WebChat) -> None:
    inbox = web._inbox
    assert isinstance(inbox, FakeInbox)
    inbox.engine_faults = {"mimo": "402 insufficient_balance: no balance"}
    async with open_at(web, "10.0.0.12") as client:
        ready = await client.get("/readyz")
    inbox.engine_faults = {}
    assert (ready.status_code, ready.json()["parts"]["mimo"]) == (503, False)
    assert "balance" not in ready.text


async def test_programs_may_call_a_process_by_its_address(web: WebChat) -> None:
    """Prometheus finds containers by addresses that no setting names."""
    right = {"Authorization": f"Bearer {PASSWORD}", "Host": "172.30.65.7:8765"}
    async with open_at(web, "192.0.2.77", **right) as client:
        for path in ("/metrics", "/livez", "/readyz"):
            assert (await client.get(path)).status_code in (200, 503), path
        for path in ("/", "/api/history", "/operator", "/metrics/x"):
            assert (await client.get(path)).status_code == 403, path
        wrong = {"Authorization": "Bearer wrong"}
        assert (await client.get("/metrics", headers=wrong)).status_code == 401


async def test_metrics_accept_the_password_as_bearer(web: WebChat) -> None:
    async with open_at(web, "10.0.0.9") as client:
        right = {"Authorization": f"Bearer {PASSWORD}"}
        for path, status in (("/metrics", 200), ("/api/history", 401), ("/operator", 401)):
            assert (await client.get(path, headers=right)).status_code == status, path
        bad = (f"Basic {PASSWORD}", PASSWORD, "Bearer", "Bearer wrong", f"Bearer {ADMIN[:6]}")
        for wrong in bad:
            answer = await client.get("/metrics", headers={"Authorization": wrong})
            assert answer.status_code == 401, wrong
        for _ in range(FREE_ATTEMPTS):
            await client.get("/metrics", headers={"Authorization": "Bearer wrong"})
        assert (await client.get("/metrics", headers=right)).status_code == 401, "it has to wait"


async def test_each_area_has_its_own_password(web: WebChat) -> None:
    async with open_at(web, "10.0.0.3") as client:
        assert (await log_in(client, PASSWORD, "/operator")).status_code == 403
        assert (await log_in(client, ADMIN)).status_code == 403
        answer = await log_in(client, ADMIN, "/operator")
        cookie = SimpleCookie(answer.headers["set-cookie"])[OPERATOR.cookie]
        assert (cookie["httponly"], cookie["path"]) == (True, "/operator")
        assert int(cookie["max-age"]) <= 12 * 3600
        assert (await client.get("/api/history")).status_code == 401
        other = {"Cookie": f"{OPERATOR.cookie}={client.cookies[OPERATOR.cookie]}"}
        assert (await client.get("/api/history", headers=other)).status_code == 401


@pytest.mark.parametrize("sign", [{"Origin": f"https://{NAME}"}, {"X-Forwarded-Proto": "https"}])
async def test_cookie_is_secure_behind_https(web: WebChat, sign: dict[str, str]) -> None:
    headers = {"Origin": f"http://{NAME}", "Host": NAME, **sign}
    async with open_at(web, "10.0.0.4", **headers) as client:
        answer = await log_in(client, PASSWORD)
        assert SimpleCookie(answer.headers["set-cookie"])[PAGE.cookie]["secure"] is True


async def test_many_wrong_passwords_are_delayed(web: WebChat) -> None:
    async with open_at(web, "10.0.0.5, 10.0.0.6") as client:
        for _ in range(FREE_ATTEMPTS + 1):
            answer = await log_in(client, "wrong")
            assert answer.status_code == 403
            assert answer.json() == {"error": "Wrong password."}
        answer = await log_in(client, PASSWORD)
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
        head = b"POST /login HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: 10.0.0.6\r\n"
        status, unread, _ = await send_raw(web.url, head + b"Content-Length: 1000\r\n\r\n")
        assert status == 429, "who has to wait is not even listened to"
        assert "connection: close" in unread
        for other in ("10.0.0.7", "10.0.0.6, 10.0.0.8"):
            answer = await client.post(
                "/login", json={"password": PASSWORD}, headers={"X-Forwarded-For": other}
            )
            assert answer.status_code == 200, "others need not wait"


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"{}", b"[" * 50_000, b"\xff", b'{"password": 1}', b'{"password": "x", "more": 1}'),
        *(b'{"password": "%s"}' % (b"x" * 2000), b'{"password": "canary \\ud800"}'),
    ],
)
async def test_broken_form_is_refused(web: WebChat, body: bytes) -> None:
    async with open_at(web, f"10.1.0.{len(body) % 250}") as client:
        answer = await client.post("/login", content=body)
        assert answer.status_code in (400, 403, 413)
        assert "canary" not in answer.text
