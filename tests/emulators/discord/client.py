"""Clients of the local server: the real discord.py, plain HTTP, and the test's methods by HTTP.

How discord.py is pointed at another server. It knows two addresses, both in classes, so both
are for the whole process:

    discord.http.Route.BASE = "http://127.0.0.1:1234/api/v10"            # REST
    DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL("ws://127.0.0.1:1234/gateway")

`AutoShardedClient` without `shard_count` asks GET /gateway/bot for the second one, but only for
its first connections: `Client`, an `AutoShardedClient` with `shard_count`, and every client after
op 9 with `false` use DEFAULT_GATEWAY. So a program that is told only the first address asks for
the second after its login and before it connects, as `Client.setup_hook` allows:

    _, url, _ = await self.http.get_bot_gateway()
    DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(url)

Files need nothing: attachments carry whole addresses.
"""

from __future__ import annotations

import asyncio
import base64
import warnings
from typing import Any, Self

import httpx
import yarl

from tests.emulators.discord.server import DiscordServer

with warnings.catch_warnings():
    # On Python 3.11 and 3.12 it uses audioop, which warns that it will go; 3.13 has audioop-lts.
    warnings.simplefilter("ignore", DeprecationWarning)
    import discord
    from discord.gateway import DiscordWebSocket
    from discord.http import Route

__all__ = ["LocalClient", "Remote", "Rest", "discord", "point_at"]

TIMEOUT_S = 8.0


def point_at(api_base_url: str) -> None:
    """Let discord.py speak to another server; `LocalClient` asks it where its gateway is."""
    Route.BASE = api_base_url


class LocalClient(discord.AutoShardedClient):
    """discord.py on the local server: use as `async with`, which returns when it is ready.

    What ends it before, as a final close code, is raised there.

    A test makes a subclass of it with `on_message` and the like.
    """

    def __init__(
        self, server: DiscordServer, intents: discord.Intents | None = None, **options: Any
    ):
        super().__init__(intents=intents or discord.Intents.all(), **options)
        self._server = server
        self._task: Any = None

    async def setup_hook(self) -> None:
        """Take the gateway's address from the API."""
        _, url, _ = await self.http.get_bot_gateway()
        DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(url)

    async def __aenter__(self) -> Self:
        point_at(self._server.api_base_url)
        await super().__aenter__()
        await self.login(self._server.token)
        self._task = self.loop.create_task(self.connect())
        ready = self.loop.create_task(self.wait_until_ready())
        await asyncio.wait([ready, self._task], return_when=asyncio.FIRST_COMPLETED)
        if self._task.done():
            ready.cancel()
            await self.close()
            self._task.result()
        return self

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        """Do not wait 5 s before each IDENTIFY after the first, as discord.py does."""

    async def __aexit__(self, *error: Any) -> None:
        await super().__aexit__(*error)
        await self._task


class Rest:
    """Plain HTTP with the bot's token. Use in `async with`."""

    def __init__(self, server: DiscordServer, token: str = "") -> None:
        headers = {"Authorization": f"Bot {token or server.token}"}
        self.http = httpx.AsyncClient(timeout=TIMEOUT_S, headers=headers, verify=False)
        self._base_url = server.api_base_url

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.aclose()

    async def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send a request below the API's base; options are httpx's."""
        return await self.http.request(method, f"{self._base_url}{path}", **options)

    async def code(self, method: str, path: str, **options: Any) -> tuple[int, int]:
        """Return the status and Discord's error code (0 for none) of a request's answer."""
        answer = await self.call(method, path, **options)
        body = answer.json() if answer.content else {}
        return answer.status_code, body.get("code", 0) if isinstance(body, dict) else 0


class Remote:
    """The test's methods of a server that runs as a process: `remote.send_text(channel=…)`.

    Answers are JSON: records are dicts. Bytes go as `data`, or in `attachments`.
    """

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url

    def __getattr__(self, name: str) -> Any:
        def call(*positional: Any, **arguments: Any) -> Any:
            if isinstance(data := arguments.get("data"), bytes):
                arguments["data"] = base64.b64encode(data).decode()
            for option, (file, data) in arguments.get("attachments", {}).items():
                arguments["attachments"][option] = (file, base64.b64encode(data).decode())
            body = {**arguments, "*": list(positional)}
            answer = httpx.post(f"{self._base_url}/control/{name}", json=body, verify=False)
            if not answer.is_success:
                raise RuntimeError(answer.json()["error"])
            return answer.json()["result"]

        return call
