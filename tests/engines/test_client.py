"""The connection to an engine: how long it is kept, and what its errors tell."""

from __future__ import annotations

import asyncio
import json
import time
from types import SimpleNamespace

import pytest

from core.engines.wire.client import EngineClient
from core.errors import EngineBusy, EngineRefused


def _refuse(status: int, body: bytes, retry_after: str | None) -> EngineBusy:
    return EngineBusy(str(status))


@pytest.mark.parametrize(("idle_s", "opened"), [(50.0, 1), (60.0, 2)])
async def test_idle_connection_is_kept_for_less_than_a_minute(
    idle_s: float, opened: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    connections: list[asyncio.StreamWriter] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)
        while await reader.readline():
            while (await reader.readline()).strip():
                pass
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        client = EngineClient(f"http://127.0.0.1:{port}", {}, _refuse)
        assert await client.send("GET", "/", deadline_s=5.0) == b"ok"
        # The connection's clock alone: the loop's own would end the call.
        clock = SimpleNamespace(monotonic=lambda: time.monotonic() + idle_s)
        monkeypatch.setattr("httpcore._async.http11.time", clock)
        assert await client.send("GET", "/", deadline_s=5.0) == b"ok"
        await client.close()
        for writer in connections:
            writer.close()
            await writer.wait_closed()
    assert len(connections) == opened


@pytest.mark.parametrize("header", ["authorization: Bearer {}", "api-key: {}"])
async def test_a_key_that_the_service_repeats_is_not_told(header: str) -> None:
    name, _, value = header.format('key "with" marks').partition(": ")

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sent = await reader.readuntil(b"\r\n\r\n")
        body = json.dumps({"error": {"message": f"I do not like {sent.decode()}"}}).encode()
        writer.write(b"HTTP/1.1 400 Bad Request\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
        writer.close()

    def read_error(status: int, body: bytes, retry_after: str | None) -> EngineRefused:
        return EngineRefused(str(status), reason=json.loads(body)["error"]["message"])

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        client = EngineClient(f"http://127.0.0.1:{port}", {name: value}, read_error)
        with pytest.raises(EngineRefused) as caught:
            await client.send("GET", "/", deadline_s=5.0)
        await client.close()
    told = str(caught.value.values)
    assert "I do not like" in told and "[secret]" in told and "marks" not in told
