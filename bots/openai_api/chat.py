"""POST /v1/chat/completions: a question, also about sound, becomes an answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from bots.common.uploads import MAX_FILE_BYTES
from bots.openai_api.answering import ChatAnswering
from bots.openai_api.body import read_json
from bots.openai_api.chat_request import ChatRequest, read_chat
from bots.openai_api.chat_response import (
    Head,
    build_chunk,
    build_completion,
    build_usage_chunk,
)
from bots.openai_api.errors import refuse
from bots.openai_api.models import pick_model
from bots.openai_api.retry import try_again
from bots.openai_api.services import Services, read_key_name, read_request_id
from bots.openai_api.stream import (
    DONE,
    EVENTS,
    Done,
    Growth,
    Stream,
    begin,
    build_event,
    follow,
)
from core.models import Answer

#: The largest recording in base64, and a long dialogue around it.
BODY_BYTES = MAX_FILE_BYTES * 4 // 3 + 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Chat:
    """The route."""

    services: Services

    async def create(self, request: Request) -> Response:
        """Answer a question."""
        name = read_key_name(request)
        await self.services.budget.check_sound(name)
        body = await read_json(request, BODY_BYTES)
        # A thread: the recordings may be many megabytes.
        order = await asyncio.to_thread(read_chat, body)
        served = pick_model(self.services, order.model, "understand")
        if order.is_thinking and not self.services.answering.answerer.limits.can_think:
            raise refuse("this model does not think before it answers", "thinking")
        request_id = read_request_id(request)
        created_s = int(self.services.clock.now().timestamp())
        head = Head(f"chatcmpl-{request_id[4:]}", created_s, served.model_id)
        if order.is_streamed:
            return Stream(await begin(self._tell(order, head, name)), EVENTS, request_id)
        return JSONResponse(build_completion(head, await self._answer(order, name)))

    async def _answer(
        self, order: ChatRequest, name: str, on_text: Callable[[str], None] | None = None
    ) -> Answer:
        asking = ChatAnswering(self.services, order)
        answer = await try_again(partial(asking.answer, on_text))
        await self.services.budget.spend(name, asking.audio_s)
        return answer

    async def _tell(self, order: ChatRequest, head: Head, name: str) -> AsyncGenerator[bytes, None]:
        """Yield the chunks of an answer."""
        growth, role = Growth(), {"role": "assistant"}
        parts = follow(partial(self._answer, order, name))
        async with aclosing(parts):
            async for part in parts:
                if isinstance(part, Done):
                    rest = growth.finish(part.result.text)
                    for chunk in _end(head, part.result, {**role, "content": rest}, order):
                        yield build_event(chunk)
                elif new := growth.take(part):
                    yield build_event(build_chunk(head, {**role, "content": new}))
                    role = {}
        yield DONE


def _end(
    head: Head, answer: Answer, delta: dict[str, Any], order: ChatRequest
) -> list[dict[str, Any]]:
    """Return the last chunks: what is left to say, why it ended, what it cost."""
    thoughts = {"reasoning_content": answer.reasoning} if answer.reasoning else {}
    is_more = delta.get("content") or thoughts
    rest = [build_chunk(head, {**delta, **thoughts})] if is_more else []
    chunks = [*rest, build_chunk(head, {}, end=answer)]
    return [*chunks, build_usage_chunk(head, answer)] if order.has_usage else chunks
