"""What the endpoint takes: requests that Discord has signed just now, and nothing else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers

from bots.discord_bot import DiscordBot
from bots.discord_bot.interactions.endpoint import MAX_BODY_BYTES
from bots.discord_bot.interactions.signatures import SignatureVerifier, read_signature
from core.clock import Clock
from tests.discord_bot.conftest import Advance
from tests.emulators.discord import DiscordServer as Server
from tests.support.discord_endpoint import make_endpoint_settings, run_with_endpoint, serve_bot
from tests.support.discord_inbox import FakeInbox

PING = json.dumps({"type": 1}).encode()
SIGNED = ("X-Signature-Ed25519", "X-Signature-Timestamp")


@pytest.fixture
async def posted(server: Server, inbox: FakeInbox) -> AsyncIterator[DiscordBot]:
    async with run_with_endpoint(server, inbox) as bot:
        yield bot


async def test_discord_probes_the_endpoint_when_it_is_saved_and_later(
    server: Server, posted: DiscordBot, inbox: FakeInbox
) -> None:
    assert await server.endpoint.probe() == 401
    assert await server.endpoint.post(PING, server.endpoint.sign(PING)) == (200, {"type": 1})
    assert not inbox.tries


@pytest.mark.parametrize(
    ("age_s", "status"), [(0, 200), (295, 200), (301, 401), (-55, 200), (-70, 401), (10**8, 401)]
)
async def test_old_and_future_requests_are_refused(
    server: Server, posted: DiscordBot, age_s: float, status: int
) -> None:
    assert (await server.endpoint.post(PING, server.endpoint.sign(PING, age_s)))[0] == status


@pytest.mark.parametrize(
    "changes",
    [
        {"X-Signature-Ed25519": ""},
        {"X-Signature-Timestamp": ""},
        {"X-Signature-Ed25519": "0" * 128},
        {"X-Signature-Ed25519": "zz" * 64},
        {"X-Signature-Ed25519": "ab" * 63},
        {"X-Signature-Ed25519": "ab" * 65},
        {"X-Signature-Timestamp": "now"},
        {"X-Signature-Timestamp": "-1"},
        {"X-Signature-Timestamp": "1" * 400},
        {"X-Signature-Timestamp": "1.5"},
    ],
)
async def test_malformed_headers_are_refused(
    server: Server, posted: DiscordBot, changes: dict[str, str]
) -> None:
    headers = server.endpoint.sign(PING) | changes
    assert (await server.endpoint.post(PING, headers))[0] == 401
    bare = {name: value for name, value in headers.items() if name not in changes}
    assert (await server.endpoint.post(PING, bare))[0] == 401


async def test_only_posts_of_a_readable_size_are_read(server: Server, posted: DiscordBot) -> None:
    url = server.world.endpoint_url
    large, unread = b"x" * (MAX_BODY_BYTES + 1), b"[1, 2"
    async with aiohttp.ClientSession() as session:
        async with session.get(url) as response:
            assert (response.status, response.headers["Allow"]) == (405, "POST")
        signed = server.endpoint.sign(large)
        async with session.post(url, data=large, headers=signed) as response:
            assert response.status == 413
    for body in (unread, b"\xff", b"[]", b"{}", b"null", b'{"type": 2}', b'{"type": 2, "id": 5}'):
        assert (await server.endpoint.post(body, server.endpoint.sign(body)))[0] == 400


async def test_a_body_that_does_not_come_is_not_waited_for(
    server: Server, posted: DiscordBot
) -> None:
    host, _, port = server.world.endpoint_url.split("/")[2].partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = {**server.endpoint.sign(PING), "Host": host, "Content-Length": "12"}
    lines = [f"{name}: {value}" for name, value in head.items()]
    writer.write("\r\n".join(["POST /discord/interactions HTTP/1.1", *lines, "", "x"]).encode())
    async with asyncio.timeout(5):
        assert b" 408 " in await reader.readline()
    writer.close()


async def test_before_the_login_interactions_are_refused(
    server: Server, inbox: FakeInbox, clock: Clock
) -> None:
    bot = DiscordBot(make_endpoint_settings(server), inbox, clock)
    body = json.dumps({"type": 2, "id": "1"}).encode()
    async with serve_bot(bot) as url:
        assert (await server.endpoint.post(PING, server.endpoint.sign(PING), url))[0] == 200
        assert (await server.endpoint.post(body, server.endpoint.sign(body), url))[0] == 503
    assert not bot.is_ready
    await bot.close()


def is_taken(server: Server, body: bytes, headers: dict[str, str]) -> bool:
    """Return whether a request is verified: what the endpoint asks before it answers."""
    signed = read_signature(Headers(headers))
    verifier = SignatureVerifier(server.world.public_key)
    is_recent = signed is not None and signed.is_recent(server.world.clock.now())
    return is_recent and signed is not None and verifier.is_valid(signed, body)


@given(body=st.binary(max_size=300), data=st.data())
async def test_one_changed_byte_anywhere_is_refused(body: bytes, data: st.DataObject) -> None:
    server = Server()
    headers = server.endpoint.sign(body)
    assert is_taken(server, body, headers)
    changed = bytearray(body)
    kind = data.draw(st.sampled_from(["flip", "cut", "add"]) if body else st.just("add"))
    place = data.draw(st.integers(0, max(0, len(body) - 1)))
    if kind == "flip":
        changed[place] ^= data.draw(st.integers(1, 255))
    elif kind == "cut":
        del changed[place]
    else:
        changed.insert(place, data.draw(st.integers(0, 255)))
    if bytes(changed) != body:
        assert not is_taken(server, bytes(changed), headers)
    name = data.draw(st.sampled_from(SIGNED))
    value = headers[name]
    at = data.draw(st.integers(0, len(value) - 1))
    letter = data.draw(st.characters(codec="latin-1"))
    other = f"{value[:at]}{letter}{value[at + 1 :]}"
    # Hexadecimal digits mean the same in both cases.
    if other.lower() != value.lower():
        assert not is_taken(server, body, headers | {name: other})


async def test_headers_that_come_twice_are_refused(server: Server) -> None:
    headers = server.endpoint.sign(PING)
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    assert read_signature(Headers(raw=raw))
    for name in SIGNED:
        twice = [*raw, (name.lower().encode(), headers[name].encode())]
        assert read_signature(Headers(raw=twice)) is None


async def test_waiting_requests_leave_room_for_others(
    server: Server, posted: DiscordBot, advance: Advance
) -> None:
    """Bodies that never come hold memory for less than three seconds."""
    host, _, port = server.world.endpoint_url.split("/")[2].partition(":")
    head = {**server.endpoint.sign(PING), "Host": host, "Content-Length": "500000"}
    lines = [f"{name}: {value}" for name, value in head.items()]
    request = "\r\n".join(["POST /discord/interactions HTTP/1.1", *lines, "", "x"]).encode()
    writers = []
    for _ in range(100):
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(request)
        writers.append(writer)
    await asyncio.sleep(3)
    assert (await server.endpoint.post(PING, server.endpoint.sign(PING)))[0] == 200
    for writer in writers:
        writer.close()
