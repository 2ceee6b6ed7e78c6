"""How long an upload may take. Without a server: its own timers would make hours long."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI, Request
from httpx import ASGITransport, AsyncClient

from bots.common.uploads import Upload, read_form
from tests.support.fake_inbox import FakeInbox

BEGINNING, END = (
    b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n',
    b"\r\n--x--\r\n",
)


def build_app() -> FastAPI:
    app = FastAPI()
    app.state.max_file_bytes, app.state.begin_recording = 10**9, FakeInbox().begin_recording

    @app.post("/")
    async def measure(request: Request) -> int:
        async with read_form(request) as fields:
            upload = fields["file"]
            assert isinstance(upload, Upload)
            return len(await upload.spool.finish())

    return app


async def upload(*pauses_s: float) -> int:
    """Return how much arrived of a file that comes in pieces of 1 MB, after these pauses."""

    async def send() -> AsyncIterator[bytes]:
        yield BEGINNING
        for pause_s in pauses_s:
            await asyncio.sleep(pause_s)
            yield bytes(10**6)
        yield END

    transport = ASGITransport(build_app())
    headers = {"content-type": "multipart/form-data; boundary=x"}
    async with AsyncClient(transport=transport, base_url="http://here", timeout=None) as client:
        answer = await client.post("/", content=send(), headers=headers)
    return int(answer.text)


@pytest.mark.finding(8)
async def test_a_slow_upload_may_take_as_long_as_something_comes() -> None:
    """50 MB in 83 minutes."""
    assert await upload(*[100.0] * 50) == 50 * 10**6


@pytest.mark.parametrize("pauses_s", [(10.0, 10.0, 130.0), (119.0,) * 40], ids=["silent", "slow"])
async def test_an_upload_that_stops_or_trickles_is_given_up(pauses_s: tuple[float, ...]) -> None:
    with pytest.raises(TimeoutError):
        await upload(*pauses_s)
