"""Responses that are streamed while the engine works."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Generic, TypeVar

import structlog
from pydantic import BaseModel
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from bots.openai_api.errors import read_error
from core.errors import AssistantError, EngineBadReply
from core.models import Answer, Transcript

Part = TypeVar("Part")
Result = TypeVar("Result")
TextResult = TypeVar("TextResult", Answer, Transcript)

#: The end of a stream of chat completions.
DONE = b"data: [DONE]\n\n"
EVENTS = "text/event-stream"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Done(Generic[Result]):
    """The end of the work, with its result."""

    result: Result


async def follow(
    work: Callable[[Callable[[Part], None]], Awaitable[Result]],
) -> AsyncGenerator[Part | Done[Result], None]:
    """Yield what `work` reports while it runs, then its result. Raises what it raises."""
    parts: asyncio.Queue[Part | None] = asyncio.Queue()

    async def run() -> Result:
        return await work(parts.put_nowait)

    task = asyncio.create_task(run())
    task.add_done_callback(lambda _: parts.put_nowait(None))
    try:
        while (part := await parts.get()) is not None:
            yield part
        yield Done(await task)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def follow_text(
    work: Callable[[Callable[[str], None]], Awaitable[TextResult]],
) -> AsyncGenerator[tuple[str, TextResult | None], None]:
    """Yield what is new of a growing text, then the rest of it with the result of `work`.

    Raises EngineBadReply if the whole text is another one: what was sent cannot be taken back.
    """
    sent = ""
    async with aclosing(follow(work)) as parts:
        async for part in parts:
            if isinstance(part, Done):
                if not part.result.text.startswith(sent):
                    raise EngineBadReply("the text changed after a part of it was sent")
                yield part.result.text[len(sent) :], part.result
            # Trailing blanks may not stay.
            elif (text := part.strip()).startswith(sent) and text != sent:
                new, sent = text[len(sent) :], text
                yield new, None


async def begin(source: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """Return `source` once its first part is there: until then an error still has a status.

    Raises what `source` raises before its first part.
    """
    first = await anext(source)

    async def whole() -> AsyncGenerator[bytes, None]:
        async with aclosing(source):
            yield first
            async for part in source:
                yield part

    return whole()


def build_event(data: BaseModel, name: str = "") -> bytes:
    """Return one server-sent event."""
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {data.model_dump_json(exclude_unset=True)}\n\n".encode()


class Stream(Response):
    """A body that is sent as it comes, to its end even if the client has gone: it is paid for.

    An error on the way is sent as an event; audio just breaks off, which clients notice by the
    missing end of the body.
    """

    def __init__(self, parts: AsyncIterator[bytes], media_type: str, request_id: str) -> None:
        self.parts = parts
        self.request_id = request_id
        self.status_code = 200
        self.media_type = media_type
        self.background = None
        # Proxies that buffer a response would undo the streaming.
        self.init_headers({"X-Accel-Buffering": "no"})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the body."""
        await send(
            {"type": "http.response.start", "status": 200, "headers": self.raw_headers},
        )
        try:
            async for part in self.parts:
                await _send(send, part)
        except AssistantError as error:
            log.warning("api stream broke", request=self.request_id, error=str(error))
            if self.media_type != EVENTS:
                return
            await _send(send, build_event(read_error(error, self.request_id).body))
        await _send(send, b"", is_last=True)


async def _send(send: Send, part: bytes, *, is_last: bool = False) -> None:
    await send({"type": "http.response.body", "body": part, "more_body": not is_last})
