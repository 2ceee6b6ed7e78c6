"""A request is one write and never waits for itself; nothing else about a connection differs."""

from __future__ import annotations

import asyncio
import base64
import socket
from collections.abc import Iterator
from typing import Any

import httpcore
import httpx
import pytest

from core.engines.wire.client import EngineClient
from core.engines.wire.connections import DirectClient
from core.errors import EngineBusy
from tests.emulators.telegram import TelegramServer

TIMEOUT = httpx.Timeout(5.0)
ANSWER = [b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nSet-Cookie: a=b\r\n\r\n{}"]


class NotedStream(httpcore.AsyncMockStream):
    """Notes what is written, and answers each request alike."""

    def __init__(self, near: socket.socket) -> None:
        super().__init__(ANSWER * 9)
        self.near, self.written = near, list[bytes]()
        self.is_refusing = False

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        if self.is_refusing:
            raise httpcore.WriteError
        self.written.append(buffer)

    def get_extra_info(self, info: str) -> Any:
        return self.near if info == "socket" else super().get_extra_info(info)


class NotedBackend(httpcore.AsyncMockBackend):
    """Opens such streams."""

    def __init__(self) -> None:
        super().__init__([])
        self.pair = socket.socketpair()
        self.streams: list[NotedStream] = []

    async def connect_tcp(self, *address: Any, **options: Any) -> NotedStream:
        self.streams.append(NotedStream(self.pair[0]))
        return self.streams[-1]


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch) -> Iterator[NotedBackend]:
    made = NotedBackend()
    monkeypatch.setattr("httpcore._async.connection_pool.AutoBackend", lambda: made)
    yield made
    for one in made.pair:
        one.close()


async def post(client: httpx.AsyncClient, body: bytes = b"", **parts: Any) -> httpx.Response:
    url = parts.pop("url", "http://host/path")
    return await client.request("POST", url, timeout=TIMEOUT, files={"a": body}, **parts)


async def test_head_and_body_leave_in_one_write(backend: NotedBackend) -> None:
    async with DirectClient() as client:
        for _ in range(2):
            answer = await post(client)
            assert (answer.status_code, answer.content) == (200, b"{}")
        [stream] = backend.streams
        assert len(stream.written) == 2
        assert all(one.startswith(b"POST /path HTTP/1.1\r\n") for one in stream.written)
        assert b"cookie" not in stream.written[1].lower()
        await post(client, b"x" * 200_000)
        assert 2 <= len(stream.written[2:]) <= 5, "a long one is not collected as a whole"


async def test_a_request_lets_no_other_task_run_unless_it_waits(backend: NotedBackend) -> None:
    turns = 0

    def count() -> None:
        nonlocal turns
        turns += 1

    async with DirectClient() as client:
        asyncio.get_running_loop().call_soon(count)
        await post(client)
    assert not turns


async def test_engines_too(backend: NotedBackend) -> None:
    client = EngineClient("http://host", {}, lambda *_: EngineBusy("refused"))
    assert await client.send("POST", "/path", deadline_s=5.0, json={"a": 1}) == b"{}"
    assert len(backend.streams[0].written) == 1
    await client.close()


async def test_a_connection_that_was_closed_is_not_used_again(backend: NotedBackend) -> None:
    async with DirectClient() as client:
        await post(client)
        backend.pair[1].send(b"x")  # to be readable means to be closed, where nothing is due
        await post(client)
    assert [len(stream.written) for stream in backend.streams] == [1, 1]


async def test_a_server_may_answer_before_it_has_read_everything(backend: NotedBackend) -> None:
    async with DirectClient() as client:
        await post(client)
        backend.streams[0].is_refusing = True
        assert (await post(client)).status_code == 200


async def test_credentials_in_an_address_are_sent(backend: NotedBackend) -> None:
    async with DirectClient() as client:
        await post(client, url="http://ann:secret@host/path")
    head = backend.streams[0].written[0]
    assert b"Basic " + base64.b64encode(b"ann:secret") in head


async def test_failures_are_those_of_httpx(telegram: TelegramServer) -> None:
    url = f"{telegram.api_base_url}{telegram.token}/getMe"
    async with DirectClient() as client:
        telegram.fault("getMe", "close")
        with pytest.raises((httpx.NetworkError, httpx.RemoteProtocolError)):
            await post(client, url=url)
        telegram.fault("getMe", "hang")
        with pytest.raises(httpx.ReadTimeout):
            await client.request("GET", url, timeout=httpx.Timeout(0.1))
