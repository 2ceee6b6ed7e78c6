"""Faults, gateway errors, intents and rate limits of the local Discord."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.emulator_tests.discord.conftest import Rest
from tests.emulators.discord import DiscordServer
from tests.emulators.discord.sessions import Session
from tests.emulators.discord.traffic import MAX_INVALID

GUILDS, MESSAGES, PRIVATE, CONTENT = 1, 1 << 9, 1 << 12, 1 << 15


async def _hello(server: DiscordServer) -> ClientConnection:
    socket = await connect(f"{server.gateway_url}?v=10&encoding=json")
    assert json.loads(await socket.recv())["op"] == 10
    return socket


async def _send(socket: ClientConnection, op: int, data: Any) -> None:
    await socket.send(json.dumps({"op": op, "d": data}))


async def _receive(socket: ClientConnection, name: str) -> dict[str, Any]:
    """Return the payload of the next event with this name."""
    async with asyncio.timeout(20):
        while (event := json.loads(await socket.recv()))["t"] != name:
            pass
    return dict(event["d"])


@pytest.mark.parametrize("op", [2, 6])
async def test_wrong_token_closes_the_connection(server: DiscordServer, op: int) -> None:
    async with await _hello(server) as socket:
        await _send(socket, op, {"token": "wrong", "intents": 0, "session_id": "x", "seq": 1})
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
        assert closed.value.rcvd and closed.value.rcvd.code == 4004


async def test_close_code_1000_ends_the_session(server: DiscordServer) -> None:
    async with await _hello(server) as socket:
        await _send(socket, 2, {"token": server.token, "intents": GUILDS})
        ready = await _receive(socket, "READY")
        await socket.close(1000)
    async with await _hello(server) as socket:
        again = {"token": server.token, "session_id": ready["session_id"], "seq": 1}
        await _send(socket, 6, again)
        assert json.loads(await socket.recv()) == {"op": 9, "d": False}


async def test_without_message_content_intent_only_mentions_have_content(
    server: DiscordServer,
) -> None:
    ann = server.add_user()
    channel = server.channel(server.add_guild(members=[ann]))
    async with await _hello(server) as socket:
        await _send(socket, 2, {"token": server.token, "intents": GUILDS | MESSAGES | PRIVATE})
        await _receive(socket, "READY")
        quoted = server.send_text(channel, ann, "hidden")
        server.send_text(channel, ann, "hidden too", reply_to=quoted)
        server.forward(channel, ann, quoted)
        server.send_text(channel, ann, f"<@{server.world.bot.user_id}> seen")
        server.send_text(server.dm(ann), ann, "private")
        events = [await _receive(socket, "MESSAGE_CREATE") for _ in range(5)]
        assert "hidden" not in json.dumps(events[:3])
        assert "seen" in events[3]["content"] and events[4]["content"] == "private"


def test_shard_receives_events_of_its_own_guilds() -> None:
    receives = [Session("", shard, 2, intents=0).receives for shard in (0, 1)]
    assert [one(str(1 << 22), None) for one in receives] == [False, True]
    assert [one(None, None) for one in receives] == [True, False]


async def test_requests_over_a_limit_are_refused_and_counted(
    server: DiscordServer, rest: Rest
) -> None:
    ann = server.add_user()
    path = f"/channels/{server.dm(ann)}/messages"
    server.set_limits(is_strict=True)
    answers = [await rest.call("POST", path, json={"content": f"{n}"}) for n in range(7)]
    assert [one.status_code for one in answers] == [200] * 5 + [429] * 2
    assert [one.headers["X-RateLimit-Remaining"] for one in answers[:5]] == list("43210")
    assert server.violations() == {"POST /channels/{channel}/messages": 2}
    server.advance(seconds=5)
    assert (await rest.call("POST", path, json={"content": "x"})).status_code == 200
    for _ in range(49):
        await rest.call("GET", "/users/@me")
    over = await rest.call("GET", "/users/@me")
    assert over.json()["global"] and over.headers["X-RateLimit-Global"] == "true"
    assert over.headers["X-RateLimit-Scope"] == "global" and "Via" in over.headers
    assert server.invalid_requests() == 3
    for _ in range(MAX_INVALID - 3):
        server.api.invalid.add()
    banned = await rest.call("GET", "/users/@me")
    assert banned.status_code == 429 and "Via" not in banned.headers and "html" in banned.text
    server.advance(seconds=601)
    assert server.invalid_requests() == 0
    assert (await rest.call("GET", "/users/@me")).status_code == 200


@pytest.mark.real_time
async def test_server_in_its_own_process() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.emulators.discord", stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout
    try:
        addresses = json.loads(await process.stdout.readline())
        async with httpx.AsyncClient() as http:
            events = await http.post(f"{addresses['base_url']}/control/connected", json={})
        assert events.json() == {"result": 0}
    finally:
        process.terminate()
        assert await process.wait() == 0
