"""The program's own parts and the web chat with the endpoints, in a thread with its own loop."""

from __future__ import annotations

import asyncio
import json
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from bots.__main__ import _open_api, open_program
from bots.web_chat import WebChat
from core.config import Settings
from tests.emulators.mimo import MimoServer

KEY = "sk-hearsay-test-0123456789"
OTHER_KEY = "sk-hearsay-other-0123456789"


def make_settings(home: Path, mimo: MimoServer | None, **more: Any) -> Settings:
    if mimo:
        more = {"mimo_api_key": mimo.key, "mimo_base_url": mimo.base_url, **more}
    keys = f"alice={KEY},bob={OTHER_KEY}"
    return Settings(
        _env_file=None,  # type: ignore[call-arg]
        **{"hearsay_home": home, "web_port": 0, "api_keys": keys, **more},
    )


class ApiServer:
    """The server. Use as a context manager."""

    def __init__(self, home: Path, mimo: MimoServer | None, **more: Any) -> None:
        self._settings = make_settings(home, mimo, **more)
        self._is_up = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self._stop: asyncio.Event
        self._loop: asyncio.AbstractEventLoop
        self.origin = ""

    @property
    def base_url(self) -> str:
        return f"{self.origin}/v1"

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._is_up.wait(30), "did not start"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: object, traceback: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(30)

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        async with open_program(self._settings) as program:
            web = WebChat(self._settings, program.assistant)
            program.assistant.platforms = {"web": web}
            _open_api(self._settings, program, program.assistant.platforms)
            running = asyncio.create_task(web.run())
            await web.is_open.wait()
            self.origin = web.url
            self._is_up.set()
            await self._stop.wait()
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


async def knock(
    api: ApiServer, path: str, *headers: str, size: int = 1_000_000
) -> tuple[int, dict[str, Any], str]:
    """Announce a body of that size, send none of it, and return what is answered."""
    host, port = api.origin.removeprefix("http://").split(":")
    lines = [f"POST {path} HTTP/1.1", *headers, f"Content-Length: {size}"]
    for name, value in (("Host", f"{host}:{port}"), ("Content-Type", "application/json")):
        if not any(line.startswith(f"{name}:") for line in headers):
            lines.append(f"{name}: {value}")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write("\r\n".join([*lines, "", ""]).encode())
        async with asyncio.timeout(20):
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            length = int(head.split("content-length: ")[1].split()[0])
            body = await reader.readexactly(length)
    finally:
        writer.close()
        await writer.wait_closed()
    return int(head.split()[1]), json.loads(body)["error"], head
