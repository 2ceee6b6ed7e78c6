"""The program's own parts with the web chat and the API, served for tests."""

from __future__ import annotations

import asyncio
import json
import threading
from pathlib import Path
from typing import Any

from httpx import AsyncClient

from bots.program import mount_api, open_program
from bots.web_chat import WebChat
from core.config import Settings
from tests.emulators.local_server import LocalServer
from tests.emulators.mimo import MimoServer
from tests.support.clean_start import make_database
from tests.support.virtual_time import current_clock
from tests.support.web_client import send_raw

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


class ApiServer(LocalServer):
    """A server with a program of its own."""

    def __init__(self, home: Path, mimo: MimoServer | None, **more: Any) -> None:
        make_database(home)
        self._settings = make_settings(home, mimo, **more)
        self._is_up, self._has_ended = threading.Event(), asyncio.Event()
        self._loop: asyncio.AbstractEventLoop
        self.origin = ""

    @property
    def base_url(self) -> str:
        return f"{self.origin}/v1"

    async def serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        async with open_program(self._settings) as program:
            web = WebChat(self._settings, program.inbox, current_clock())
            program.inbox.platforms = {"web": web}
            mount_api(self._settings, program, program.inbox.platforms)
            running = asyncio.create_task(web.run())
            await web.is_open.wait()
            self.origin = web.url
            self._is_up.set()
            await self._has_ended.wait()
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    def is_serving(self) -> bool:
        return self._is_up.is_set()

    def end_serving(self) -> None:
        self._loop.call_soon_threadsafe(self._has_ended.set)


def open_client(api: ApiServer, key: str = KEY) -> AsyncClient:
    """Return a client without certificates: loading them takes longer than most tests."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return AsyncClient(base_url=api.base_url, headers=headers, timeout=60, verify=False)


async def announce_body(
    api: ApiServer, path: str, *headers: str, size: int = 1_000_000
) -> tuple[int, dict[str, Any], str]:
    """Announce a body of that size, send none of it, and return the response."""
    lines = [f"POST {path} HTTP/1.1", *headers, f"Content-Length: {size}"]
    host = api.origin.removeprefix("http://")
    for name, value in (("Host", host), ("Content-Type", "application/json")):
        if not any(line.startswith(f"{name}:") for line in headers):
            lines.append(f"{name}: {value}")
    status, head, body = await send_raw(api.origin, "\r\n".join([*lines, "", ""]).encode())
    return status, json.loads(body)["error"], head
