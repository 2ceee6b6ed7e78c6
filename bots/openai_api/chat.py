"""POST /v1/chat/completions: a question, also about recordings, becomes an answer."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import Any

from fastapi import Request

from bots.common.uploads import MAX_FILE_BYTES
from bots.openai_api.answering import ChatAnswering
from bots.openai_api.bodies import read_json
from bots.openai_api.chat_request import ChatRequest
from bots.openai_api.chat_response import (
    ChatChunk,
    Head,
    build_chunk,
    build_completion,
    build_usage_chunk,
)
from bots.openai_api.context import ApiContext, retry_once
from bots.openai_api.errors import refuse
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
class ChatRoute:
    """The route."""

    context: ApiContext

    async def create(self, request: Request) -> Any:
        """Answer a question."""
        key_name, request_id = request.state.key_name, request.state.request_id
        chat = await read_json(request, ChatRequest, BODY_BYTES)
        served = self.context.pick_model(chat.model, "answerer")
        if chat.is_thinking and not self.context.answering.answerer.limits.can_think:
            raise refuse("thinking is not supported by this model", "thinking")
        head = {
            "id": f"chatcmpl-{request_id[4:]}",
            "created": int(self.context.clock.now().timestamp()),
            "model": served.model_id,
        }
        if chat.stream:
            return Stream(await begin(self._stream(chat, head, key_name)), EVENTS, request_id)
        return build_completion(head, await self._answer(chat, key_name))

    async def _answer(
        self, chat: ChatRequest, key_name: str, on_text: Callable[[str], None] | None = None
    ) -> Answer:
        answering = ChatAnswering(self.context, chat)
        answer = await retry_once(partial(answering.answer, on_text))
        await self.context.keys.spend(key_name, answering.audio_s)
        return answer

    async def _stream(
        self, chat: ChatRequest, head: Head, key_name: str
    ) -> AsyncGenerator[bytes, None]:
        """Yield the chunks of an answer."""
        growth, role = Growth(), {"role": "assistant"}
        parts = follow(partial(self._answer, chat, key_name))
        async with aclosing(parts):
            async for part in parts:
                if isinstance(part, Done):
                    rest = growth.finish(part.result.text)
                    for chunk in _end(head, part.result, {**role, "content": rest}, chat):
                        yield build_event(chunk)
                elif new := growth.take(part):
                    yield build_event(build_chunk(head, {**role, "content": new}))
                    role = {}
        yield DONE


def _end(head: Head, answer: Answer, delta: dict[str, Any], chat: ChatRequest) -> list[ChatChunk]:
    """Return the last chunks: the rest of the text, the finish reason, the usage."""
    reasoning = {"reasoning_content": answer.reasoning} if answer.reasoning else {}
    is_more = delta.get("content") or reasoning
    rest = [build_chunk(head, {**delta, **reasoning})] if is_more else []
    chunks = [*rest, build_chunk(head, {}, end=answer)]
    return [*chunks, build_usage_chunk(head, answer)] if chat.has_usage else chunks
