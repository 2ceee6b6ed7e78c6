"""What the fields of a form may hold, on the page and at the API: it is the same parser."""

from __future__ import annotations

import asyncio
import tracemalloc
from asyncio import StreamWriter
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from httpx import AsyncClient, Response

from bots.common.body_limit import FORM_BYTES
from bots.common.uploads import SMALL_BYTES
from core.interfaces import PIECE_BYTES
from tests.support.openai_api_server import KEY, ApiServer, open_client
from tests.support.web_client import FILE_HEAD

#: The servers are on the loop of all tests here.
pytestmark = pytest.mark.asyncio(loop_scope="session")

PATHS = ("/api/messages", "/v1/audio/transcriptions")
#: With one such character a text takes four bytes for each that was sent.
EMOJI = "😀".encode()


@pytest_asyncio.fixture(loop_scope="session")
async def client(api: ApiServer) -> AsyncIterator[AsyncClient]:
    """A client with a key and with a session of the page."""
    async with open_client(api) as client:
        assert (await client.post(f"{api.origin}/api/session")).status_code == 200
        yield client


def build_fields(count: int, size_bytes: int) -> bytes:
    """Return fields of a form, unknown ones of `size_bytes` together after what each form needs."""
    given = {"id": b"message-1", "model": b"none"}
    each = b"a" * (size_bytes // count - len(EMOJI)) + EMOJI
    given |= {f"field{number}": each for number in range(count)}
    head = b'--x\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n'
    return b"".join(head % (name.encode(), value) for name, value in given.items())


async def send(
    client: AsyncClient, api: ApiServer, path: str, body: bytes, charset: str = ""
) -> Response:
    kind = "multipart/form-data; boundary=x" + (f"; charset={charset}" if charset else "")
    content = body + FILE_HEAD + b"RIFF\r\n--x--\r\n"
    return await client.post(f"{api.origin}{path}", content=content, headers={"Content-Type": kind})


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("count", [1, 5])
async def test_all_fields_together_are_limited(
    api: ApiServer, client: AsyncClient, path: str, count: int
) -> None:
    answer = await send(client, api, path, build_fields(count, SMALL_BYTES + 1000))
    assert answer.status_code == 413 and "the limit is 512 KB" in answer.text
    assert answer.headers["connection"] == "close", "the rest is not read"
    answer = await send(client, api, path, build_fields(count, SMALL_BYTES - 2000))
    assert answer.status_code != 413, answer.text


@pytest.mark.parametrize("path", PATHS)
async def test_names_count_like_values(api: ApiServer, client: AsyncClient, path: str) -> None:
    name = b"Content-Disposition: form-data; name=" + b"n" * 4000
    head = b"--x\r\n" + b"".join(b"%s\r\nX-%d" % (name, n) for n in range(7)) + b": y\r\n\r\n"
    body = build_fields(1, SMALL_BYTES - 20_000) + head + b"value\r\n"
    assert (await send(client, api, path, body)).status_code == 413


async def open_form(api: ApiServer, client: AsyncClient, path: str, body: bytes) -> StreamWriter:
    """Begin to send a form, and return its connection."""
    address = api.origin.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(address[0], int(address[1]))
    cookie = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
    lines = (
        *(f"POST {path} HTTP/1.1", "Host: localhost", f"Authorization: Bearer {KEY}"),
        *("Content-Type: multipart/form-data; boundary=x", "Content-Length: 100000000"),
        f"Cookie: {cookie}",
    )
    writer.write("\r\n".join([*lines, "", ""]).encode())
    for start in range(0, len(body), 65_536):
        writer.write(body[start : start + 65_536])
        try:
            await writer.drain()
        except ConnectionError:
            break  # it was refused
    return writer


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("count", "size_bytes"),
    [
        (1, SMALL_BYTES - 2000),
        (5, SMALL_BYTES - 2000),
        (5, 5 * SMALL_BYTES),
        (20, 20 * SMALL_BYTES),
    ],
)
async def test_an_open_form_takes_no_more_than_it_counts(
    api: ApiServer, client: AsyncClient, path: str, count: int, size_bytes: int
) -> None:
    forms, body = 4, build_fields(count, size_bytes) + FILE_HEAD + bytes(PIECE_BYTES - 1)
    tracemalloc.start()
    try:
        writers = [await open_form(api, client, path, body) for _ in range(forms)]
        await asyncio.sleep(1)
        for writer in writers:
            writer.write(b"\r\n--x--\r\n")
        await asyncio.sleep(1)
        assert tracemalloc.get_traced_memory()[1] < forms * FORM_BYTES
    finally:
        tracemalloc.stop()
        for writer in writers:
            writer.close()


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("charset", ["punycode", "idna", "utf-7", "utf-16", "latin-1", "none"])
async def test_fields_are_utf_8(
    api: ApiServer, client: AsyncClient, path: str, charset: str
) -> None:
    """Python's decoder of Punycode would hold up everybody: its time grows with the square."""
    body = build_fields(1, 100)
    for known in ("utf-8", "UTF8", '"utf-8"', "US-ASCII"):
        assert "UTF-8" not in (await send(client, api, path, body, known)).text
    answer = await send(client, api, path, body, charset)
    assert answer.status_code == 400 and "must be UTF-8" in answer.text
