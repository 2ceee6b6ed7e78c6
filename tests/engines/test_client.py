"""Keep-alive of the connection to an engine."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace

import pytest

from core.engines.wire.client import EngineClient
from core.errors import EngineBusy


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
