"""The emulated Discord posts interactions to an endpoint by Discord's rules."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from tests.emulators.discord import DiscordServer
from tests.emulators.discord.endpoint import PONG
from tests.emulators.local_server import AsgiServer

Answer = Callable[[Request], Awaitable[Response]]


@asynccontextmanager
async def serve(answer: Answer) -> AsyncIterator[str]:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        response = await answer(Request(scope, receive))
        await response(scope, receive, send)

    async with AsgiServer(app) as running:
        yield f"{running.origin}/"


def make_answer(server: DiscordServer, response: Any, wait_s: float = 0.0) -> Answer:
    """Return an endpoint that verifies, and answers all but a PING late or oddly."""
    public_key = server.world.signing_key.public_key()

    async def answer(request: Request) -> Response:
        signed = request.headers["x-signature-timestamp"].encode() + await request.body()
        try:
            public_key.verify(bytes.fromhex(request.headers["x-signature-ed25519"]), signed)
        except InvalidSignature:
            return Response(status_code=401)
        if (await request.json())["type"] == 1:
            return JSONResponse({"type": PONG})
        await asyncio.sleep(wait_s)
        return JSONResponse(response)

    return answer


async def test_a_url_is_saved_only_if_it_verifies_signatures(server: DiscordServer) -> None:
    async def trust(_: Request) -> Response:
        return JSONResponse({"type": PONG})

    async def refuse(_: Request) -> Response:
        return Response(status_code=401)

    for answer, reason in ((trust, "invalid signatures"), (refuse, "PING")):
        async with serve(answer) as url:
            with pytest.raises(ValueError, match=reason):
                await server.endpoint.save(url)
    with pytest.raises(ValueError, match="PING"):
        await server.endpoint.save("http://127.0.0.1:1/")
    assert server.world.endpoint_url == ""
    async with serve(make_answer(server, {})) as url:
        await server.endpoint.save(url)
        assert server.world.endpoint_url == url


@pytest.mark.parametrize(
    ("response", "wait_s", "posts", "kind"),
    [
        ({"type": 5}, 2.5, [200], 5),
        ({"type": 5}, 3.5, [0], None),
        ({"type": 8, "data": {"choices": []}}, 0, [200], None),  # a command gets no choices
        ({}, 0, [200], None),
    ],
)
async def test_a_response_counts_within_three_seconds(
    server: DiscordServer, response: Any, wait_s: float, posts: list[int], kind: int | None
) -> None:
    ann = server.add_user("Ann")
    channel = server.channel(server.add_guild(members=[ann]))
    with server.world.lock:
        command = {"id": "1", "name": "help", "type": 1, "contexts": None, "options": []}
        command |= {"default_member_permissions": None, "integration_types": [0]}
        server.world.commands["1"] = command | {"dm_permission": True}
    async with serve(make_answer(server, response, wait_s)) as url:
        await server.endpoint.save(url)
        sent = server.slash(channel, ann, "help")
        await server.wait_for(lambda: server.interaction(sent).posts)
    assert server.interaction(sent).posts == posts
    assert server.interaction(sent).response_type == kind
    assert len(server.thinking(channel)) == (kind == 5)
