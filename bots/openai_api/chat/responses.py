"""POST /v1/responses: OpenAI's newer form of a chat, answered as a chat.

Nothing is kept as a response: the whole dialogue comes with each request.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial

from fastapi import Request

from bots.openai_api.bodies import read_json
from bots.openai_api.chat.completions import ChatRoute, GiveAnswer, count_body_bytes
from bots.openai_api.chat.responses_body import ResponseBody, ResponseWriter
from bots.openai_api.chat.responses_request import ResponsesRequest
from bots.openai_api.context import ApiContext
from bots.openai_api.stream import EVENTS, Stream, begin, build_event, follow_text


@dataclass(frozen=True, slots=True)
class ResponsesRoute:
    """The route."""

    context: ApiContext

    async def create(self, request: Request) -> ResponseBody | Stream:
        """Answer a dialogue."""
        request_id = request.state.request_id
        asked = await read_json(request, ResponsesRequest, count_body_bytes(request))
        chat = asked.build_chat(request.state.leniency)
        model_id, _, answer = ChatRoute(self.context).prepare(chat, request)
        begun = ResponseBody(
            id=f"resp_{request_id[4:]}",
            created_at=int(self.context.clock.now().timestamp()),
            status="in_progress",
            model=model_id,
            instructions=asked.instructions or None,
            max_output_tokens=asked.max_output_tokens,
            temperature=asked.temperature,
            top_p=asked.top_p,
        )
        writer = ResponseWriter(begun)
        if chat.stream:
            return Stream(await begin(_stream(writer, answer)), EVENTS, request_id)
        return writer.build_whole(await answer(0, None))


async def _stream(writer: ResponseWriter, answer: GiveAnswer) -> AsyncGenerator[bytes, None]:
    """Yield the events of a response, the first ones with the first text."""
    parts, first = follow_text(partial(answer, 0)), writer.begin()
    async with aclosing(parts):
        async for new, done in parts:
            # In their order: each takes the next number.
            events = [*first, *([writer.write(new)] if new else ())]
            events += writer.end(done) if done else ()
            for event in events:
                yield build_event(event, event.type)
