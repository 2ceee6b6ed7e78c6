"""Hostile clients over real connections: slow ones, and a thousand at once."""

from __future__ import annotations

import asyncio
import logging
import os
import resource
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from ipaddress import ip_network

import pytest
import structlog
from httpx import AsyncClient
from starlette.types import ASGIApp, Receive, Scope, Send

from bots.common.client_address import TrustedProxies
from bots.web_chat import WebChat
from bots.web_server import ClientLimit, Listener, open_socket, serve
from bots.web_server.http_protocol import HEAD_S, REST_S, STALL_S
from bots.web_server.listener import ConnectionLimits
from core.clock import Clock
from tests.support.web_client import listen, next_event, send_sound

GET = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"
LOOPBACK = TrustedProxies([ip_network("127.0.0.1")])
Client = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def connect(address: tuple[str, int], source: str = "127.0.0.1") -> Client:
    return await asyncio.open_connection(*address, local_addr=(source, 0))


def address_of(web: WebChat) -> tuple[str, int]:
    return "127.0.0.1", int(web.url.rpartition(":")[2])


async def read_all(reader: asyncio.StreamReader) -> bytes:
    """Return what the server sends until it closes the connection."""
    with suppress(ConnectionError):
        return await reader.read()
    return b""


async def is_served(address: tuple[str, int], source: str = "127.0.0.1") -> bool:
    reader, writer = await connect(address, source)
    with suppress(ConnectionError):
        writer.write(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        answer = await read_all(reader)
    writer.close()
    return b" 200 " in answer


async def trickle(writer: asyncio.StreamWriter, clock: Clock) -> None:
    with suppress(ConnectionError):
        for number in range(1000):
            writer.write(b"X-%d: y\r\n" % number)
            await writer.drain()
            await clock.sleep(1)


async def test_an_open_page_stays_connected(
    browser: AsyncClient, web: WebChat, clock: Clock
) -> None:
    async with listen(browser, web) as page:
        await clock.sleep(3600)
        await send_sound(browser)
        assert (await next_event(page))["id"] == "message-1"


@pytest.mark.parametrize("first", [b"", GET], ids=["first request", "second request"])
async def test_a_head_that_trickles_in_is_cut_off(web: WebChat, clock: Clock, first: bytes) -> None:
    reader, writer = await connect(address_of(web))
    if first:
        writer.write(first)
        assert b" 200 " in await reader.readuntil(b"}")
    started_s = clock.monotonic()
    writer.write(b"GET /livez HTTP/1.1\r\n")
    sending = asyncio.create_task(trickle(writer, clock))
    answer = await read_all(reader)
    assert HEAD_S - 1 <= clock.monotonic() - started_s <= HEAD_S + 1
    assert b" 408 " in answer or not answer
    writer.close()
    await sending


async def test_silence_is_cut_off_without_an_answer(web: WebChat, clock: Clock) -> None:
    reader, writer = await connect(address_of(web))
    started_s = clock.monotonic()
    assert await reader.read() == b""
    assert clock.monotonic() - started_s == pytest.approx(HEAD_S, abs=0.5)
    writer.close()


async def test_an_unfinished_head_is_answered(web: WebChat) -> None:
    reader, writer = await connect(address_of(web))
    writer.write(GET[:-2])
    assert b" 408 Request Timeout" in await reader.read()
    writer.close()


async def test_a_slow_head_that_is_soon_complete_is_served(web: WebChat, clock: Clock) -> None:
    reader, writer = await connect(address_of(web))
    for _ in range(3):
        for part in (GET[:10], GET[10:]):
            await clock.sleep(4)
            writer.write(part)
        assert b" 200 " in await reader.readuntil(b"}")
    writer.close()


async def test_a_refused_body_that_trickles_in_is_cut_off(web: WebChat, clock: Clock) -> None:
    """It was answered long ago, and nobody reads the rest."""
    reader, writer = await connect(address_of(web))
    started_s = clock.monotonic()
    writer.write(b"POST /livez HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999\r\n\r\n")
    assert b" 405 " in await reader.readuntil(b"}")
    sending = asyncio.create_task(trickle(writer, clock))
    await read_all(reader)
    assert clock.monotonic() - started_s == pytest.approx(REST_S, abs=2)
    writer.close()
    await sending


async def test_malformed_requests_do_not_fill_the_log(
    web: WebChat, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The servers of the emulators turn it off.
    log = logging.getLogger("uvicorn.error")
    monkeypatch.setattr(log, "isEnabledFor", lambda level: level >= logging.WARNING)
    with structlog.testing.capture_logs() as logged:
        for _ in range(50):
            reader, writer = await connect(address_of(web))
            writer.write(b"\x16\x03\x01 this is no HTTP\r\n\r\n")
            assert b" 400 " in await read_all(reader)
            writer.close()
    assert [one["event"] for one in logged] == ["malformed requests"]


async def answer(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer at once, except for what waits for its body."""
    if scope["path"] == "/wait":
        await receive()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": bytes(10**7 * (scope["path"] == "/large"))})


@asynccontextmanager
async def serving(
    clock: Clock, listener: Listener, app: ASGIApp = answer
) -> AsyncIterator[tuple[str, int]]:
    running = asyncio.create_task(serve(app, listener, clock))
    try:
        yield listener.getsockname()
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_client_that_does_not_read_is_cut_off(clock: Clock) -> None:
    async with serving(clock, open_socket("127.0.0.1", 0)) as address:
        reader, writer = await asyncio.open_connection(*address, limit=1000)
        started_s = clock.monotonic()
        writer.write(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        await clock.sleep(STALL_S - 1)
        assert not reader.at_eof() and reader.exception() is None
        await clock.sleep(2)
        # What the kernel had taken still arrives.
        assert 0 < len(await read_all(reader)) < 10**7
        assert clock.monotonic() - started_s < STALL_S + 5
        writer.close()


async def test_a_thousand_connections_of_one_client(web: WebChat, clock: Clock) -> None:
    """Others are served all the time, and so is the client when it has left."""
    address, clients = address_of(web), list[Client]()
    with structlog.testing.capture_logs() as logged:
        for _ in range(1000):
            clients.append(await connect(address))
        for _, writer in clients:
            with suppress(ConnectionError):
                writer.write(GET)
        assert await is_served(address, "127.0.0.2")
        assert not await is_served(address)
    [told] = [one for one in logged if one["event"] == "connections refused"]
    assert told["reason"] == "too many of one client"
    answers = await asyncio.gather(*(read_all(reader) for reader, _ in clients))
    # The others may have got their refusal or only a closed connection.
    assert sum(b" 200 " in one for one in answers) == told["connections"] == 250
    for _, writer in clients:
        writer.close()
    await clock.sleep(0.1)
    assert await is_served(address)


async def test_all_connections_together_are_capped(clock: Clock) -> None:
    """A trusted proxy has no cap of its own, but it cannot take all either."""
    listener = open_socket("127.0.0.1", 0, LOOPBACK)
    listener.limits = ConnectionLimits(total=20, per_client=5)
    async with serving(clock, listener) as address:
        clients = [await connect(address) for _ in range(12)]
        clients += [await connect(address, f"127.0.1.{n}") for n in range(8)]
        assert not await is_served(address, "127.0.9.9") and not await is_served(address)
        clients.pop()[1].close()
        await clock.sleep(0.1)
        assert await is_served(address, "127.0.9.9")
        for _, writer in clients:
            writer.close()
        await clock.sleep(0.1)
        assert await is_served(address)


@pytest.mark.parametrize("is_trusted", [True, False])
async def test_clients_behind_a_proxy_are_told_apart(clock: Clock, is_trusted: bool) -> None:
    proxies = LOOPBACK if is_trusted else TrustedProxies()
    app = ClientLimit(answer, proxies)
    app._most = 3
    async with serving(clock, open_socket("127.0.0.1", 0, proxies), app) as address:
        waiting = [await connect(address) for _ in range(3)]
        for _, writer in waiting:
            head = b"POST /wait HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: %s, 1.2.3.4\r\n"
            writer.write(head % b"9.9.9.9" + b"Content-Length: 9\r\n\r\n")
        await clock.sleep(1)
        for hops, is_refused in (
            (b"1.2.3.4", True),
            (b"8.8.8.8,1.2.3.4", True),
            (b"5.6.7.8", False),
        ):
            reader, writer = await connect(address)
            writer.write(GET[:-2] + b"X-Forwarded-For: %s\r\nConnection: close\r\n\r\n" % hops)
            assert (b" 429 " in await read_all(reader)) == (is_refused and is_trusted)
            writer.close()
        waiting[0][1].close()
        await clock.sleep(1)
        reader, writer = await connect(address)
        writer.write(GET[:-2] + b"X-Forwarded-For: 1.2.3.4\r\nConnection: close\r\n\r\n")
        assert b" 200 " in await read_all(reader)
        for _, one in (*waiting, (reader, writer)):
            one.close()


async def test_accepting_goes_on_without_files(clock: Clock) -> None:
    """What cannot be accepted is refused, at no cost, and told once."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    sockets = [socket.socket() for _ in range(50)]
    async with serving(clock, open_socket("127.0.0.1", 0)) as address:
        with structlog.testing.capture_logs() as logged:
            await clock.sleep(1)
            try:
                # No file is left: the next one would have this number.
                lowest = os.dup(0)
                os.close(lowest)
                resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, before[1]))
                loop = asyncio.get_running_loop()
                for one in sockets:
                    one.setblocking(False)
                    await loop.sock_connect(one, address)
                    with suppress(ConnectionError):
                        await loop.sock_recv(one, 1000)
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, before)
            for one in sockets:
                one.close()
            assert await is_served(address)
    refused = [one for one in logged if one["event"] == "connections refused"]
    assert [one["reason"] for one in refused] == ["too many open files"]
