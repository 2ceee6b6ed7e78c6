"""First responses over HTTP: each is the answer to the request that has brought the interaction."""

from __future__ import annotations

import asyncio
from typing import Any

import discord
from discord.http import MultipartParameters
from discord.webhook.async_ import AsyncWebhookAdapter

from bots.discord_bot.client.gateway import DiscordClient
from bots.discord_bot.incoming.messages import INTERACTION_PREFIX

#: How long sending the answer may take.
_SEND_S = 1.0
#: How long Discord is given to read it before the response is edited.
_READ_S = 0.2


class TooLate(discord.ClientException):
    """Discord no longer waits for a first response."""


class HttpResponse(AsyncWebhookAdapter):
    """The answer to one request, which discord.py fills as if it were sending a callback.

    discord.py builds each first response and leaves it to its adapter to send it, so that the same
    code responds to interactions from the gateway.
    """

    def __init__(self, client: DiscordClient) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._client = client
        #: The response, None if there is none (yet).
        self.payload: dict[str, Any] | None = None
        #: Set as soon as there is a response, or it is known that there will be none.
        self.is_decided = asyncio.Event()
        self._is_sent = asyncio.Event()
        self._is_closed = False

    def close(self) -> None:
        """Take no response any more."""
        self._is_closed = True

    async def note_sent(self) -> None:
        """Take notice that the answer has been written to the connection."""
        self._is_sent.set()

    async def create_interaction_response(  # type: ignore[override]
        self, interaction_id: int, token: str, *, params: MultipartParameters, **connection: Any
    ) -> dict[str, Any]:
        """Answer the request, and return once Discord should have read it. Raises TooLate."""
        if self._is_closed or self.payload is not None:
            raise TooLate("the request was answered before")
        self.payload = params.payload or {}
        self.is_decided.set()
        await self._client.clock.wait_for(self._is_sent, _SEND_S)
        if not self._is_sent.is_set():
            raise TooLate("the answer to the request could not be sent")
        self._client.first_responses.note_answered(f"{INTERACTION_PREFIX}{interaction_id}")
        await self._client.clock.sleep(_READ_S)
        return {"interaction": {"id": interaction_id, "type": self.payload.get("type")}}
