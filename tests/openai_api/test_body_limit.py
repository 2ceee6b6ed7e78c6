from __future__ import annotations

import asyncio

from bots.openai_api.access import LARGEST_BYTES, TOTAL_BYTES, BodyLimit


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
