from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from bots.openai_api.access import FORM_BYTES, LARGEST_BYTES, TOTAL_BYTES, BodyLimit
from tests.support.openai_api_server import KEY, ApiServer, announce_body


async def test_requests_wait_for_memory_in_order() -> None:
    body_limit, order = BodyLimit(), []
    may_go = asyncio.Event()

    async def request(name: str, announced: str) -> None:
        async with body_limit.hold(announced):
            order.append(name)
            await may_go.wait()

    # Without a length, or with one that is invalid, a body counts as the largest allowed.
    fitting = TOTAL_BYTES // LARGEST_BYTES
    sizes = ["", "x", str(99 << 30), "0000000000000"]
    large = [asyncio.create_task(request(str(n), sizes[n % 4])) for n in range(fitting + 1)]
    small = asyncio.create_task(request("small", "1000"))
    for _ in range(10):
        await asyncio.sleep(0)
    assert order == [str(n) for n in range(fitting)]
    may_go.set()
    await asyncio.gather(*large, small)
    assert order == [*(str(n) for n in range(fitting + 1)), "small"]


@pytest.mark.finding(8)
async def test_files_do_not_wait_for_each_other() -> None:
    """However large: what is in memory of one is a piece."""
    body_limit = BodyLimit()
    async with AsyncExitStack() as stack, asyncio.timeout(5):
        for size in ("2000000000", "") * 10:
            await stack.enter_async_context(body_limit.hold(size, FORM_BYTES))


@pytest.mark.real_time
@pytest.mark.finding(8)
@pytest.mark.parametrize("path", ["chat/completions", "responses"])
async def test_json_may_be_no_larger_than_it_counts(api: ApiServer, path: str) -> None:
    """Even where recordings may be: its base64 would be in memory as a whole."""
    lines = (f"Authorization: Bearer {KEY}", "Content-Type: application/json")
    status, error, _ = await announce_body(api, f"/v1/{path}", *lines, size=LARGEST_BYTES + 1)
    assert status == 413 and str(LARGEST_BYTES) in error["message"]


async def test_memory_is_freed_after_errors_and_cancellation() -> None:
    body_limit = BodyLimit(10)
    for _ in range(3):
        try:
            async with body_limit.hold("10"):
                raise ValueError
        except ValueError:
            pass
    async with body_limit.hold("10"):
        waiting = asyncio.create_task(body_limit.hold("10").__aenter__())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
    async with asyncio.timeout(5), body_limit.hold("10"):
        pass
