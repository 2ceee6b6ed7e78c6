"""The application's interactions endpoint: interactions are posted to it, signed, for 3 s.

Sources: Discord, "Interactions Overview" (Setting Up an Endpoint) and "Receiving and Responding".
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

import aiohttp

from tests.emulators.discord.api import Api, ApiRequest
from tests.emulators.discord.errors import ApiError
from tests.emulators.discord.interaction_routes import RESPONSE_DEADLINE_S, respond
from tests.emulators.discord.payloads import JSON
from tests.emulators.discord.records import Interaction
from tests.emulators.discord.traffic import RecordedRequest

PING = PONG = 1


class Endpoint:
    """Posts signed requests to the endpoint, on the event loop of the server."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self.world = api.world
        self.world.push = self.push
        #: The server's event loop, while it runs.
        self.loop: asyncio.AbstractEventLoop | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        #: How often each interaction is posted; 1 is normal.
        self.copies = 1
        #: How long Discord takes to carry out a response that it has read.
        self.lag_s = 0.0
        #: Body and headers of each request, oldest first.
        self.sent: list[tuple[bytes, dict[str, str]]] = []

    def sign(self, body: bytes, age_s: float = 0.0) -> dict[str, str]:
        """Return the headers of a request that was signed `age_s` seconds ago."""
        timestamp = str(int(self.world.clock.now() - age_s))
        signature = self.world.signing_key.sign(timestamp.encode() + body)
        return {
            "Content-Type": "application/json",
            "User-Agent": "Discord-Interactions/1.0 (+https://discord.com)",
            "X-Signature-Ed25519": signature.hex(),
            "X-Signature-Timestamp": timestamp,
        }

    async def post(self, body: bytes, headers: dict[str, str], url: str = "") -> tuple[int, Any]:
        """Post a request; return status and JSON, 0 if there is no answer within 3 s."""
        timeout = aiohttp.ClientTimeout(total=RESPONSE_DEADLINE_S)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.post(
                    url or self.world.endpoint_url, data=body, headers=headers
                ) as response,
            ):
                is_json = response.content_type == "application/json"
                return response.status, await response.json() if is_json else None
        except (aiohttp.ClientError, OSError, TimeoutError):
            return 0, None

    async def save(self, url: str) -> None:
        """Save the URL, as in the developer portal. Raises ValueError for what Discord refuses.

        It has to answer a signed PING, and to refuse one with a wrong signature.
        """
        ping = json.dumps({
            "id": self.world.snowflake(), "application_id": self.world.application_id,
            "type": PING, "token": "", "version": 1,
        }).encode()  # fmt: skip
        good = self.sign(ping)
        if await self.post(ping, good, url) != (200, {"type": PONG}):
            raise ValueError("the endpoint did not answer a PING")
        if await self.probe(url) != 401:
            raise ValueError("the endpoint takes invalid signatures")
        self.world.endpoint_url = url

    async def probe(self, url: str = "") -> int:
        """Post a PING with a wrong signature, as Discord does now and then; return the status."""
        ping = json.dumps({"type": PING}).encode()
        bad = self.sign(ping) | {"X-Signature-Ed25519": self.world.signing_key.sign(b"").hex()}
        return (await self.post(ping, bad, url))[0]

    def push(self, interaction: Interaction, payload: JSON) -> None:
        """Post an interaction; may be called from any thread."""
        assert self.loop
        body = json.dumps(payload).encode()
        for _ in range(self.copies):
            self.loop.call_soon_threadsafe(self._start, interaction, body)

    def _start(self, interaction: Interaction, body: bytes) -> None:
        task = asyncio.get_running_loop().create_task(self._deliver(interaction, body))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, interaction: Interaction, body: bytes) -> None:
        headers = self.sign(body)
        self.sent.append((body, headers))
        status, answer = await self.post(body, headers)
        if status == 200:
            await asyncio.sleep(self.lag_s)
        with self.world.lock:
            interaction.posts.append(status)
            recorded = RecordedRequest("ENDPOINT", "", self.world.clock.monotonic(), answer)
            request = ApiRequest(self._api, recorded, {}, {}, answer)
            if status == 200:
                try:
                    respond(request, interaction)
                except ApiError as error:
                    # A response to what was responded to is ignored; others show as an error.
                    recorded.error = str(error)

    def stop(self) -> None:
        """Post nothing more."""
        for task in self._tasks:
            task.cancel()
