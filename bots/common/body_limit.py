"""Bodies of requests under way: what memory they may take, of whom, and how slow they may be."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from fastapi import HTTPException
from starlette.datastructures import Headers
from starlette.types import Message, Receive

from core.locale import mark

#: Bodies of all requests under way.
TOTAL_BYTES = 256 * 2**20
#: What a request counts that does not announce the size of its body, or announces too much: it is
#: refused or cut off there.
LARGEST_BYTES = 72 * 2**20
#: What a form counts, however large: its file is stored in pieces, and its fields
#: together are short.
FORM_BYTES = 6 * 2**20
#: How much an owner may hold of what is left for the others: one alone leaves a third of all, which
#: is more than the largest body.
_SHARE = 2
#: A body has so long to begin, gains time with each byte, and may pause for so long.
START_S, LEAST_BYTES_PER_S, PAUSE_S = 30.0, 1000.0, 120.0
#: One that takes longer than this has to come faster, on average.
LONG_S, LONG_BYTES_PER_S = 600.0, 10_000.0

SLOW_BODY = mark("This upload arrives too slowly. Please send it again over a better connection.")


class SlowBody(HTTPException):
    """A body comes more slowly than it may."""

    def __init__(self) -> None:
        # The rest of the body is not read.
        super().__init__(408, SLOW_BODY, headers={"Connection": "close"})


@dataclass(eq=False, slots=True)
class _Body:
    owner: str
    size_bytes: int
    #: Done as soon as the body may be read.
    is_admitted: asyncio.Future[None] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


class BodyLimit:
    """The memory that bodies may take together, shared among their owners.

    The owner of a body is an API key or a visitor of the page. Bodies of one owner wait for each
    other; they never take all, so that there is room for somebody else's at any time.
    """

    def __init__(self, size_bytes: int = TOTAL_BYTES) -> None:
        self._free_bytes = size_bytes
        self._held_bytes: Counter[str] = Counter()
        self._waiting: list[_Body] = []

    @asynccontextmanager
    async def admit(
        self, owner: str, headers: Headers, receive: Receive, most_bytes: int = LARGEST_BYTES
    ) -> AsyncIterator[Receive]:
        """Wait for memory and hold it; yield a `receive` that raises SlowBody.

        most_bytes: the most that a body takes, unless it is a form. A request without a body does
        not wait.
        """
        size_bytes = measure(headers, most_bytes)
        if not size_bytes:
            yield receive
            return
        body = _Body(owner, size_bytes)
        self._waiting.append(body)
        self._admit_waiting()
        try:
            await body.is_admitted
            yield _PacedBody(receive)
        finally:
            self._release(body)

    def _admit_waiting(self) -> None:
        """Admit what fits, in order of arrival.

        Who waits with nothing in hand goes before those who want more: their next bodies would take
        for ever what becomes free.
        """
        passed, is_first_waiting = set[str](), False
        for body in tuple(self._waiting):
            is_first = not self._held_bytes[body.owner]
            may_pass = body.owner not in passed and (is_first or not is_first_waiting)
            if may_pass and self._fits(body):
                self._waiting.remove(body)
                self._free_bytes -= body.size_bytes
                self._held_bytes[body.owner] += body.size_bytes
                body.is_admitted.set_result(None)
            else:
                passed.add(body.owner)
                is_first_waiting = is_first_waiting or is_first

    def _fits(self, body: _Body) -> bool:
        left_bytes, held_bytes = self._free_bytes - body.size_bytes, self._held_bytes[body.owner]
        is_fair = not held_bytes or held_bytes + body.size_bytes <= _SHARE * left_bytes
        return left_bytes >= 0 and is_fair

    def _release(self, body: _Body) -> None:
        if body in self._waiting:
            self._waiting.remove(body)
        else:
            self._free_bytes += body.size_bytes
            self._held_bytes[body.owner] -= body.size_bytes
            if not self._held_bytes[body.owner]:
                del self._held_bytes[body.owner]
        self._admit_waiting()


def measure(headers: Headers, most_bytes: int = LARGEST_BYTES) -> int:
    """Return what a body counts, 0 if there is none. What is announced is not trusted."""
    # Chunks are read to their end, whatever length was announced.
    is_chunked = "transfer-encoding" in headers
    announced = "" if is_chunked else headers.get("content-length", "0")
    if headers.get("content-type", "").startswith("multipart/form-data"):
        most_bytes = min(most_bytes, FORM_BYTES)
    is_size = announced.isascii() and announced.isdigit() and len(announced) < 12
    return min(int(announced), most_bytes) if is_size else most_bytes


class _PacedBody:
    """The `receive` of a request that gives up a body below the least rate.

    Only time spent waiting for the client counts.
    """

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        #: What is left for a pause, and for all of the body.
        self._pause_s, self._left_s = START_S, LONG_S
        self._is_whole = False

    async def __call__(self) -> Message:
        """Return the next message. Raises SlowBody."""
        if self._is_whole:
            return await self._receive()
        loop = asyncio.get_running_loop()
        started_s = loop.time()
        try:
            async with asyncio.timeout(max(0.0, min(self._pause_s, self._left_s))):
                message = await self._receive()
        except TimeoutError:
            raise SlowBody from None
        waited_s, seen_bytes = loop.time() - started_s, len(message.get("body", b""))
        self._left_s += seen_bytes / LONG_BYTES_PER_S - waited_s
        self._pause_s += seen_bytes / LEAST_BYTES_PER_S - waited_s
        self._pause_s = min(self._pause_s, PAUSE_S)
        self._is_whole = not message.get("more_body", False)
        return message
