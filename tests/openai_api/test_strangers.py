"""What those without a key can find out and cause."""

from __future__ import annotations

import asyncio

import pytest
import structlog

from tests.support.openai_api_server import ApiServer, open_client
from tests.support.web_client import send_raw

#: The servers are on the loop of all tests here.
pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
async def test_a_stranger_cannot_tell_what_there_is(api: ApiServer, method: str) -> None:
    """What exists, what does not and what another method would find look the same."""
    paths = (
        "/openapi.json",
        "/nothing",
        "/docs",
        "/models",
        "/audio/speech",
        "/audio/voices/",
        "/",
    )
    async with open_client(api, key="") as stranger:
        for path in paths:
            answer = await stranger.request(method, path)
            assert answer.status_code == 401, path
            assert answer.json()["error"]["code"] == "invalid_api_key"
    async with open_client(api) as client:
        assert (await client.get("/openapi.json")).status_code == 200
        assert (await client.get("/nothing")).status_code == 404


@pytest.mark.parametrize(
    "path", ["//audio/voices", "/audio/../openapi.json", "/audio/voices%2f", "/audio/voices%00"]
)
async def test_what_resembles_a_public_list_is_not(api: ApiServer, path: str) -> None:
    request = f"GET /v1{path} HTTP/1.1\r\nHost: localhost\r\n\r\n"
    assert (await send_raw(api.origin, request.encode()))[0] == 401


async def test_strangers_do_not_fill_the_log(api: ApiServer) -> None:
    async with open_client(api, key="sk-wrong") as stranger, open_client(api) as client:
        # What others have caused before is told by then.
        await asyncio.sleep(200)
        with structlog.testing.capture_logs() as logged:
            for number in range(100):
                await stranger.get(f"/canary-{number}", headers={"Connection": "close"})
            assert (await client.get("/models")).status_code == 200
            first = [one["event"] for one in logged]
            await asyncio.sleep(61)
    assert first == ["api request without a key", "api request"]
    [told] = logged[2:]
    assert (told["event"], told["more"], told["status"]) == ("api request without a key", 99, 401)
    assert "canary" not in f"{logged}"
