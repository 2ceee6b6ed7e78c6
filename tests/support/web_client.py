"""What the page does, for tests."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

from httpx import AsyncClient, Response
from websockets.asyncio.client import ClientConnection, connect

from bots.web_chat import WebChat

SOUND = b"OggS" + bytes(range(256)) * 40


class Endless:
    """A body without an end, which counts what was sent."""

    def __init__(self, head: bytes = b"") -> None:
        self._head = head
        self.sent_bytes = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._head
        for _ in range(1000):
            self.sent_bytes += 1 << 20
            yield b" " * (1 << 20)


#: Start of a form with a file.
FILE_HEAD = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
IS_FORM = {"Content-Type": "multipart/form-data; boundary=x"}


def listen(browser: AsyncClient, web: WebChat) -> connect:
    cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    address = web.url.replace("http", "ws") + "/api/events"
    return connect(address, origin=web.url, additional_headers={"Cookie": cookie})  # type: ignore[arg-type]


async def next_event(socket: ClientConnection) -> dict[str, Any]:
    event: dict[str, Any] = json.loads(await asyncio.wait_for(socket.recv(), 5))
    return event


def open_client(web: WebChat, **headers: str) -> AsyncClient:
    """Return a client of the page, without certificates: loading them takes longest."""
    given = {"Origin": web.url, **headers}
    return AsyncClient(base_url=web.url, headers=given, timeout=30, verify=False)


async def send_raw(url: str, request: bytes) -> tuple[int, str, bytes]:
    """Send bytes; return the response's status, its headers in lower case, and its body."""
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(request)
        async with asyncio.timeout(60):
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            body = await reader.readexactly(int(head.split("content-length: ")[1].split()[0]))
    finally:
        writer.close()
        await writer.wait_closed()
    return int(head.split()[1]), head, body


async def send_sound(browser: AsyncClient, message_id: str = "message-1") -> Response:
    return await browser.post(
        "/api/messages",
        data={"id": message_id, "kind": "voice", "duration_s": "2.5"},
        files={"file": ("note.ogg", SOUND, "audio/ogg; codecs=opus")},
    )


async def wait_for_reply(browser: AsyncClient, message_id: str) -> dict[str, Any]:
    for _ in range(1000):
        entries = (await browser.get("/api/history")).json()["entries"]
        found: list[dict[str, Any]] = [e for e in entries if e["id"] == message_id and e["reply"]]
        if found:
            return found[0]
        await asyncio.sleep(0.05)  # the page itself gets events instead
    raise AssertionError("no reply came")
