"""The interactions endpoint: takes what Discord sends over HTTP instead of the gateway.

Sources: Discord, "Interactions Overview" and "Receiving and Responding to Interactions".
"""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import structlog
from starlette.background import BackgroundTask
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from bots.common.body_limit import BodyLimit, SlowBody
from bots.common.client_address import TrustedProxies
from bots.discord_bot.client.gateway import POISON, DiscordClient
from bots.discord_bot.interactions.http_response import HttpResponse
from bots.discord_bot.interactions.receiving import RESPONSE_S
from bots.discord_bot.interactions.signatures import (
    MAX_AGE_S,
    MAX_AHEAD_S,
    SignatureVerifier,
    read_signature,
)
from core.config import Settings

log = structlog.get_logger(__name__)

#: Where the endpoint is served.
PATH = "/discord/interactions"
#: Largest body: a message menu entry brings a whole message with its embeds.
MAX_BODY_BYTES = 512 * 1024
#: The memory for all bodies that are being read.
_BODIES_BYTES = 64 * MAX_BODY_BYTES
_PING = PONG = 1
#: How long an answer is remembered: as long as its request would be taken again.
_KEPT_S = MAX_AGE_S + MAX_AHEAD_S
#: The rest of the body is not read.
_LAST = {"Connection": "close"}

#: Starts to take an interaction whose first response goes to the answer. Raises POISON.
Take = Callable[[dict[str, Any], HttpResponse], "asyncio.Task[None]"]


class InteractionsEndpoint:
    """Answers Discord's requests, each within the three seconds that Discord waits.

    An ASGI application; DISCORD_PUBLIC_KEY must be set.
    """

    def __init__(self, client: DiscordClient, take: Take, settings: Settings) -> None:
        assert settings.discord_public_key
        self._client, self._take, self._clock = client, take, client.clock
        self._verifier = SignatureVerifier(settings.discord_public_key)
        self._body_limit = BodyLimit(_BODIES_BYTES)
        self._proxies = TrustedProxies(settings.trusted_proxies)
        #: Id of an interaction -> when its answer may be forgotten, and the answer.
        self._answers: OrderedDict[str, tuple[float, asyncio.Task[HttpResponse]]] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
        elif scope["method"] != "POST":
            await Response(status_code=405, headers={"Allow": "POST"})(scope, receive, send)
        else:
            response = await self.answer(Request(scope, receive))
            await response(scope, receive, send)

    async def answer(self, request: Request) -> Response:
        """Return the answer to a request: 401 unless Discord has signed it just now.

        503 where no first response was possible in time: Discord then tells the person that the
        application did not respond, and what was committed is answered in the channel.
        """
        end_s = self._clock.monotonic() + RESPONSE_S
        signed = read_signature(request.headers)
        if signed is None or not signed.is_recent(self._clock.now().timestamp()):
            return Response(status_code=401, headers=_LAST)
        body = await self._read_body(request)
        if isinstance(body, Response):
            return body
        if not self._verifier.is_valid(signed, body):
            return Response(status_code=401)
        try:
            payload = json.loads(body)
            if payload["type"] == _PING:
                return JSONResponse({"type": PONG})
            return await self._respond(str(payload["id"]), payload, end_s)
        except POISON as error:
            log.error("discord_interaction_unread", error=type(error).__name__)
            return Response(status_code=400)

    async def _read_body(self, request: Request) -> bytes | Response:
        """Return the body, or how to refuse one that is too large or too slow."""
        client, body = self._proxies.find_client(request), bytearray()
        admit = self._body_limit.admit
        try:
            async with (
                asyncio.timeout(RESPONSE_S),
                admit(f"discord {client}", request.headers, request.receive, MAX_BODY_BYTES) as get,
            ):
                async for chunk in Request(request.scope, get).stream():
                    body += chunk
                    if len(body) > MAX_BODY_BYTES:
                        return Response(status_code=413, headers=_LAST)
        except (TimeoutError, SlowBody):
            return Response(status_code=408, headers=_LAST)
        except ClientDisconnect:
            return Response(status_code=400)  # nobody reads it
        return bytes(body)

    async def _respond(
        self, interaction_id: str, payload: dict[str, Any], end_s: float
    ) -> Response:
        """Return the first response to an interaction; the same one if it comes again."""
        if not self._client.bot_id:
            return Response(status_code=503)
        now_s = self._clock.monotonic()
        while self._answers and next(iter(self._answers.values()))[0] < now_s:
            self._answers.popitem(last=False)
        if interaction_id not in self._answers:
            response = HttpResponse(self._client)
            taking = self._take(payload, response)
            taking.add_done_callback(lambda _: response.is_decided.set())
            answering = asyncio.create_task(self._wait(response, end_s))
            self._answers[interaction_id] = now_s + _KEPT_S, answering
        response = await asyncio.shield(self._answers[interaction_id][1])
        if response.payload is None:
            log.warning("discord_interaction_unanswered")
            return Response(status_code=503)
        return JSONResponse(response.payload, background=BackgroundTask(response.note_sent))

    async def _wait(self, response: HttpResponse, end_s: float) -> HttpResponse:
        await self._clock.wait_for(response.is_decided, end_s - self._clock.monotonic())
        response.close()
        return response
