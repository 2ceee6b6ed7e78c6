from __future__ import annotations

import asyncio

from bots.openai_api.body_limit import LARGEST_BYTES, ROOM_BYTES, BodyLimit


async def test_who_finds_no_room_waits_and_is_let_in_in_order() -> None:
    room, order = BodyLimit(), []
    may_go = asyncio.Event()

    async def come(name: str, announced: str) -> None:
        async with room.hold(announced):
            order.append(name)
            await may_go.wait()

    # Without a length, or with one that is none, a body counts as the largest there can be.
    fitting = ROOM_BYTES // LARGEST_BYTES
    sizes = ["", "x", str(99 << 30), "0000000000000"]
    large = [asyncio.create_task(come(str(n), sizes[n % 4])) for n in range(fitting + 1)]
    small = asyncio.create_task(come("small", "1000"))
    for _ in range(10):
        await asyncio.sleep(0)
    assert order == [str(n) for n in range(fitting)]
    may_go.set()
    await asyncio.gather(*large, small)
    assert order == [*(str(n) for n in range(fitting + 1)), "small"]


async def test_room_is_given_back_by_who_fails_or_goes() -> None:
    room = BodyLimit(10)
    for _ in range(3):
        try:
            async with room.hold("10"):
                raise ValueError
        except ValueError:
            pass
    async with room.hold("10"):
        waiting = asyncio.create_task(room.hold("10").__aenter__())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
    async with asyncio.timeout(5), room.hold("10"):
        pass
