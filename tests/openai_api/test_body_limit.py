"""What bodies under way may take, of whom, and how slow they may be: over real connections too."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

import pytest
from starlette.datastructures import Headers
from starlette.types import Message, Receive

from bots.common.body_limit import (
    FORM_BYTES,
    LARGEST_BYTES,
    START_S,
    TOTAL_BYTES,
    BodyLimit,
    SlowBody,
    measure,
)
from tests.support.openai_api_server import KEY, OTHER_KEY, ApiServer, announce_body
from tests.support.virtual_time import current_clock
from tests.support.web_client import FILE_HEAD, send_raw

FORM = {"content-type": "multipart/form-data; boundary=x"}


async def never() -> Message:
    return await asyncio.get_running_loop().create_future()  # type: ignore[no-any-return]


def hold(limit: BodyLimit, owner: str, size_bytes: int) -> Any:
    return limit.admit(owner, Headers({"content-length": str(size_bytes)}), never, TOTAL_BYTES)


@pytest.mark.parametrize(
    ("headers", "size_bytes"),
    [
        *(({}, 0), ({"content-length": "0"}, 0), ({"content-length": "1000"}, 1000)),
        # Without a length, or with one that is invalid, a body counts as the largest allowed.
        ({"transfer-encoding": "chunked"}, LARGEST_BYTES),
        *(({"content-length": text}, LARGEST_BYTES) for text in ("", "x", "-1", str(99 << 30))),
        ({"content-length": "0000000000000"}, LARGEST_BYTES),
        # Where both are there, the body is read in chunks.
        ({"content-length": "0", "transfer-encoding": "chunked"}, LARGEST_BYTES),
        ({"content-length": "1", "transfer-encoding": "chunked"}, LARGEST_BYTES),
        # Of a form a piece is in memory.
        ({"content-length": "2000000000", **FORM}, FORM_BYTES),
        ({"transfer-encoding": "chunked", **FORM}, FORM_BYTES),
        ({"content-length": "1000", **FORM}, 1000),
    ],
)
def test_a_body_counts_what_it_may_take(headers: Mapping[str, str], size_bytes: int) -> None:
    assert measure(Headers(headers)) == size_bytes
    assert measure(Headers(headers), 10) == min(size_bytes, 10)


async def test_bodies_of_one_owner_wait_in_order_and_leave_room() -> None:
    limit, order, may_go = BodyLimit(90), list[str](), asyncio.Event()

    async def send(name: str, owner: str, size_bytes: int) -> None:
        async with hold(limit, owner, size_bytes):
            order.append(name)
            await may_go.wait()

    tasks = [asyncio.create_task(send(f"a{n}", "a", 20)) for n in range(4)]
    tasks.append(asyncio.create_task(send("a small", "a", 1)))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert order == ["a0", "a1", "a2"], "twice what it leaves"
    tasks += [asyncio.create_task(send(name, name, 10)) for name in ("b", "c")]
    tasks += [asyncio.create_task(send("nothing", "a", 0)), asyncio.create_task(send("d", "d", 1))]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert order == ["a0", "a1", "a2", "b", "c", "nothing", "d"]
    may_go.set()
    await asyncio.gather(*tasks)
    assert order[7:] == ["a3", "a small"]


async def test_who_has_nothing_goes_before_those_who_want_more() -> None:
    """Else the small bodies of others would take for ever what becomes free."""
    limit, order = BodyLimit(100), list[str]()
    async with AsyncExitStack() as b_and_c:
        for owner, size_bytes in (("b", 30), ("c", 30)):
            await b_and_c.enter_async_context(hold(limit, owner, size_bytes))

        async def send(owner: str, size_bytes: int) -> None:
            async with hold(limit, owner, size_bytes):
                order.append(owner)

        tasks = [asyncio.create_task(send("large", 60))]
        await asyncio.sleep(0)
        tasks += [asyncio.create_task(send(owner, 5)) for owner in "bcd"]
        for _ in range(5):
            await asyncio.sleep(0)
        assert order == ["d"]
    await asyncio.gather(*tasks)
    assert (order[:2], sorted(order[2:])) == (["d", "large"], ["b", "c"])


@pytest.mark.finding(8)
async def test_files_do_not_wait_for_each_other() -> None:
    """However large: what is in memory of one is a piece."""
    limit, headers = BodyLimit(), Headers({"content-length": "2000000000", **FORM})
    async with AsyncExitStack() as stack, asyncio.timeout(5):
        for _ in range(20):
            await stack.enter_async_context(limit.admit("me", headers, never))


async def test_memory_is_freed_after_errors_and_cancellation() -> None:
    limit = BodyLimit(10)
    for _ in range(3):
        with suppress(ValueError):
            async with hold(limit, "a", 10):
                raise ValueError
    async with hold(limit, "a", 10):
        waiting = [asyncio.create_task(hold(limit, "b", 10).__aenter__()) for _ in range(2)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        await asyncio.sleep(0)
    # Admitted, and cancelled before it could go on.
    waiting[1].cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    async with asyncio.timeout(5), hold(limit, "c", 10):
        pass


@asynccontextmanager
async def paced(*parts: tuple[float, int], limit: BodyLimit) -> AsyncIterator[Receive]:
    """Yield the `receive` of a body whose parts come after so long, and have so many bytes."""
    waiting = iter(parts)

    async def receive() -> Message:
        pause_s, size_bytes = next(waiting, (0.0, 0))
        await asyncio.sleep(pause_s)
        return {"type": "http.request", "body": bytes(size_bytes), "more_body": size_bytes > 0}

    headers = Headers({"transfer-encoding": "chunked"})
    async with limit.admit("me", headers, receive) as given:
        yield given


@pytest.mark.parametrize(
    ("parts", "is_taken"),
    [
        *(([(29.0, 10)], True), ([(31.0, 10**6)], False), ([(1.0, 1)] * 40, False)),
        *(([(10.0, 11_000)] * 50, True), ([(10.0, 9_000)] * 50, False)),
        # However much came before, a pause may be two minutes long, not more.
        *(([(1.0, 10**7), (119.0, 1)], True), ([(1.0, 10**7), (121.0, 1)], False)),
        # An hour is enough for 36 MB; an hour and more for 20 MB is too slow.
        *(([(10.0, 10**5)] * 360, True), ([(20.0, 10**5)] * 360, False)),
    ],
)
async def test_a_body_has_a_least_rate(parts: list[tuple[float, int]], is_taken: bool) -> None:
    try:
        async with paced(*parts, limit=BodyLimit()) as receive:
            while (await receive())["more_body"]:
                await asyncio.sleep(1000)  # what the server itself takes does not count
        was_taken = True
    except SlowBody:
        was_taken = False
    assert was_taken == is_taken


@pytest.mark.real_time
@pytest.mark.finding(8)
@pytest.mark.parametrize("path", ["chat/completions", "responses"])
async def test_json_may_be_no_larger_than_it_counts(api: ApiServer, path: str) -> None:
    """Even where recordings may be: its base64 would be in memory as a whole."""
    lines = (f"Authorization: Bearer {KEY}", "Content-Type: application/json")
    status, error, _ = await announce_body(api, f"/v1/{path}", *lines, size=LARGEST_BYTES + 1)
    assert status == 413 and str(LARGEST_BYTES) in error["message"]


def begin_body(api: ApiServer, key: str, size: int, kind: str = "application/json") -> bytes:
    lines = (
        *("POST /v1/chat/completions HTTP/1.1", f"Host: {api.origin.removeprefix('http://')}"),
        *(f"Authorization: Bearer {key}", f"Content-Type: {kind}", f"Content-Length: {size}"),
    )
    return "\r\n".join([*lines, "", ""]).encode()


@pytest.mark.asyncio(loop_scope="session")
async def test_open_bodies_of_a_key_hold_up_nobody_else(api: ApiServer) -> None:
    """Forty that never come: another key, and requests without a body, are answered meanwhile."""
    address = api.origin.removeprefix("http://").split(":")
    hostile = [await asyncio.open_connection(address[0], int(address[1])) for _ in range(40)]
    for _, writer in hostile:
        writer.write(begin_body(api, KEY, LARGEST_BYTES))
    asked = b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n\r\n"
    assert (await send_raw(api.origin, asked % KEY.encode()))[0] == 200
    status, _, body = await send_raw(api.origin, begin_body(api, OTHER_KEY, 2) + b"{}")
    assert status == 400 and b"model" in body
    for _, writer in hostile:
        writer.close()


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data; boundary=x"])
async def test_a_body_that_trickles_in_is_refused(api: ApiServer, kind: str) -> None:
    clock = current_clock()
    address = api.origin.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(address[0], int(address[1]))
    head = begin_body(api, KEY, 10**6, kind)
    if "multipart" in kind:
        head = head.replace(b"chat/completions", b"audio/transcriptions") + FILE_HEAD
    writer.write(head)
    started_s = clock.monotonic()

    async def trickle() -> None:
        with suppress(ConnectionError):
            while True:
                writer.write(b" " * 100)
                await writer.drain()
                await asyncio.sleep(1)

    sending = asyncio.create_task(trickle())
    answer = await reader.readuntil(b"}}")
    assert START_S <= clock.monotonic() - started_s <= START_S + 10
    assert b" 408 " in answer and b"too slowly" in answer and b"connection: close" in answer.lower()
    sending.cancel()
    writer.close()


#: Bodies of which two servers in a row could see different ends, or which are read without limits.
AMBIGUOUS = [
    "Content-Length: 0\r\nTransfer-Encoding: chunked",
    "Transfer-Encoding: chunked\r\nContent-Length: 1",
    "content-length: 5\r\nTRANSFER-ENCODING: Chunked",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
    "Transfer-Encoding: chunked, chunked",
    "Transfer-Encoding: gzip, chunked",
    "Transfer-Encoding: xchunked",
    "Transfer-Encoding : chunked",
    "Transfer-Encoding: chunked\x0b",
    "X: y\r\n Transfer-Encoding: chunked\r\nContent-Length : 0",
    "Content-Length: 0\r\nContent-Length: 5",
    "Content-Length: 0, 5",
    "Content-Length: +5",
]


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize("framing", AMBIGUOUS)
async def test_a_body_without_one_clear_end_is_refused_unread(api: ApiServer, framing: str) -> None:
    """By the page and by the API, and the connection is closed."""
    clock = current_clock()
    address = api.origin.removeprefix("http://").split(":")
    for path in ("/api/session", "/v1/chat/completions"):
        reader, writer = await asyncio.open_connection(address[0], int(address[1]))
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {KEY}\r\n"
        kind = "Content-Type: application/json\r\n"
        writer.write(f"{head}{kind}{framing}\r\n\r\n1\r\n{{\r\n".encode())
        started_s = clock.monotonic()
        try:
            answer = await reader.read()
        finally:
            writer.close()
        assert answer.startswith(b"HTTP/1.1 400 ") and answer.count(b"HTTP/1.1") == 1, answer
        assert clock.monotonic() - started_s < 1
