"""Reads the answer of chat completions as it comes, for every engine that speaks that wire."""

from __future__ import annotations

from collections.abc import Callable

import httpx

from core.engines.wire.chat import ReadJson, Telling, read_event, read_whole
from core.engines.wire.client import is_event_stream, read_body, read_events


async def read_telling(
    response: httpx.Response, read_json: ReadJson, on_text: Callable[[str], None] | None
) -> Telling:
    """Return what an open answer tells, plain or streamed; `read_end` judges its end.

    on_text: called with the words so far, never with thoughts. None = the answer is plain.
    Raises EngineBadReply, and what `read_json` raises for an error inside.
    """
    if on_text is None or not is_event_stream(response):
        return read_whole(read_json(await read_body(response)))
    telling = Telling()
    async for data in read_events(response):
        moved = read_event(data, telling, read_json)
        if moved.text != telling.text:
            on_text(moved.text)
        telling = moved
    return telling
