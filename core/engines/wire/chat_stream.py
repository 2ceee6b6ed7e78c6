"""Reads the answer of chat completions as it comes, for every engine that speaks that wire."""

from __future__ import annotations

from collections.abc import Callable

import httpx

from core.engines.wire.chat import Completion, ReadJson, read_completion, read_event
from core.engines.wire.client import is_event_stream, read_body, read_events


async def read_telling(
    response: httpx.Response, read_json: ReadJson, on_text: Callable[[str], None] | None
) -> Completion:
    """Return what an open answer tells, plain or streamed; `read_end` judges its end.

    on_text: called with the words so far, never with thoughts. None = the answer is plain.
    Raises EngineBadReply, and what `read_json` raises for an error inside.
    """
    if on_text is None or not is_event_stream(response):
        return read_completion(read_json(await read_body(response)))
    completion = Completion()
    async for data in read_events(response):
        moved = read_event(data, completion, read_json)
        if moved.text != completion.text:
            on_text(moved.text)
        completion = moved
    return completion
