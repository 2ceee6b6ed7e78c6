"""Applications mounted on the web server of a process, with and without a page."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from httpx import ASGITransport, AsyncClient
from pydantic import SecretStr
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from bots.intakes import HealthEndpoint, find_health, list_intakes
from bots.parts import Part
from bots.web_chat import WebChat
from bots.web_server import WebServer
from bots.web_server.server import RETRY_S
from core.clock import Clock
from core.config import Settings
from core.errors import ConfigError
from core.interfaces import Endpoint, Platform
from tests.support.fake_inbox import make_settings
from tests.support.loopback_platform import LoopbackPlatform
from tests.support.web_inbox import FakeInbox

PATH = "/test/hook"
#: The name by which a proxy knows the server; the page does not answer to it.
FOREIGN = {"Host": "bot.example.org"}


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Respond with method and path."""
    await PlainTextResponse(f"{scope['method']} {scope['path']}")(scope, receive, send)


class CalledPlatform(LoopbackPlatform):
    endpoints: Mapping[str, Endpoint] = {PATH: echo}

    async def run(self) -> None:
        await asyncio.Event().wait()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    return make_settings(hearsay_home=tmp_path, web_port=port)


@asynccontextmanager
async def running(
    settings: Settings, platforms: Mapping[str, Any], clock: Clock
) -> AsyncIterator[AsyncClient]:
    """Run what receives messages; yield a client of the web server."""
    tasks = [asyncio.create_task(one) for one in list_intakes(settings, platforms, clock).values()]
    url = f"http://127.0.0.1:{settings.web_port}"
    try:
        async with AsyncClient(base_url=url, verify=False) as client:
            await clock.sleep(1)
            yield client
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_endpoints_are_served_without_a_page(settings: Settings, clock: Clock) -> None:
    async with running(settings, {"test": CalledPlatform()}, clock) as client:
        assert (await client.post(PATH, headers=FOREIGN)).text == f"POST {PATH}"
        for path in ("/", "/v1/models", f"{PATH}/", f"{PATH}/more", "/test"):
            assert (await client.get(path)).status_code == 404
        with pytest.raises(InvalidStatus):
            await connect(f"ws://127.0.0.1:{settings.web_port}/api/events")


async def test_endpoints_are_served_beside_the_page_and_not_behind_its_checks(
    settings: Settings, clock: Clock
) -> None:
    web = WebChat(settings, FakeInbox(), clock)
    async with running(settings, {"web": web, "test": CalledPlatform()}, clock) as client:
        headers = FOREIGN | {"Origin": "https://elsewhere.example.org"}
        assert (await client.post(PATH, headers=headers)).text == f"POST {PATH}"
        assert (await client.get("/")).status_code == 200
        assert (await client.get("/", headers=FOREIGN)).status_code in (400, 403, 421)


async def test_a_process_without_a_page_serves_health_checks_once_the_port_is_free(
    settings: Settings, clock: Clock
) -> None:
    app = WebChat(settings, FakeInbox(), clock).health
    with socket.create_server(("127.0.0.1", settings.web_port)) as other:
        health = HealthEndpoint(app, settings.web_port)
        intakes = list_intakes(settings, {}, clock, health)
        tasks = [asyncio.create_task(one) for one in intakes.values()]
        await clock.sleep(60)
        assert [*intakes] == ["server"] and not tasks[0].done()
        other.close()
        await clock.sleep(RETRY_S)
    async with AsyncClient(base_url=f"http://127.0.0.1:{settings.web_port}") as client:
        for path in ("/livez", "/readyz", "/metrics"):
            assert (await client.get(path)).status_code == 200
            assert (await client.get(path, headers=FOREIGN)).status_code == 403
        for path in ("/", "/login", "/operator", "/api/session", "/v1/models", "/docs"):
            assert (await client.get(path)).status_code == 404
    tasks[0].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_parts_on_one_machine_answer_on_ports_of_their_own(
    settings: Settings, clock: Clock
) -> None:
    platforms: dict[str, Any] = {"web": WebChat(settings, FakeInbox(), clock)}

    def find_port(*parts: Part, **changes: int) -> int | None:
        changed = settings.model_copy(update=changes)
        found = find_health(changed, parts, platforms)
        return found.port if found else None

    assert find_port(Part.WORKER, web_port=8765) == 8766
    assert find_port(Part.INTAKE, web_port=8765) == 8767
    assert find_port(Part.INTAKE, web_port=65_535) == 65_535
    assert find_port(Part.WORKER, web_port=0) == 0
    assert find_port(*Part) is find_port(Part.WEB) is None


async def test_metrics_ask_for_the_password_of_the_page_without_a_page(
    settings: Settings, clock: Clock
) -> None:
    settings = settings.model_copy(update={"web_password": SecretStr("sesame-open-sesame")})
    health = WebChat(settings, FakeInbox(), clock).health
    async with AsyncClient(transport=ASGITransport(health), base_url="http://localhost") as client:
        assert (await client.get("/metrics")).status_code == 401
        headers = {"Authorization": "Bearer sesame-open-sesame"}
        assert (await client.get("/metrics", headers=headers)).status_code == 200
        assert (await client.get("/readyz")).status_code == 200


async def test_no_server_runs_where_nothing_is_mounted(settings: Settings, clock: Clock) -> None:
    platforms: dict[str, Platform] = {"test": LoopbackPlatform()}
    intakes = list_intakes(settings, platforms, clock)
    assert [*intakes] == ["test"]
    intakes["test"].close()


async def test_a_taken_port_is_named(settings: Settings, clock: Clock) -> None:
    with (
        socket.create_server(("127.0.0.1", settings.web_port)),
        pytest.raises(ConfigError, match=f"WEB_PORT {settings.web_port}"),
    ):
        await WebServer(settings, clock).run()
