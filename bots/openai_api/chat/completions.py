"""POST /v1/chat/completions: a question, also about recordings, becomes an answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from fastapi import Request

from bots.common.body_limit import LARGEST_BYTES
from bots.openai_api.bodies import read_json
from bots.openai_api.chat.completion_request import ChatRequest
from bots.openai_api.chat.completion_response import (
    ChatChunk,
    Head,
    build_chunk,
    build_completion,
    build_usage_chunk,
)
from bots.openai_api.chat.messages import AssistantMessage, UserMessage
from bots.openai_api.chat.mimo_dialect import MimoDialect
from bots.openai_api.context import ApiContext, Role, retry_once
from bots.openai_api.errors import refuse
from bots.openai_api.leniency import Leniency
from bots.openai_api.stream import DONE, EVENTS, Stream, begin, build_event, follow_text
from core.answering.pipeline import MAX_CONTINUATIONS
from core.errors import AudioNotSupported
from core.models import Answer, Audio, Passage, Question, Turn
from core.requester import requester_of_key, work_for
from core.text.public_url import is_public_url
from core.text.timestamps import format_timestamp

#: A long dialogue around the recordings.
_DIALOGUE_BYTES = 4 * 1024 * 1024
#: Gives one of several answers: its number, and who gets the text while it grows.
GiveAnswer = Callable[[int, Callable[[str], None] | None], Awaitable[Answer]]


def count_body_bytes(request: Request) -> int:
    """Return the size of the largest body: a recording in base64, and the dialogue around it."""
    most_bytes = int(request.app.state.max_file_bytes) * 4 // 3 + _DIALOGUE_BYTES
    # Base64 in JSON has to be in memory: longer recordings come as files.
    return min(most_bytes, LARGEST_BYTES)


@dataclass(frozen=True, slots=True)
class ChatRoute:
    """The route."""

    context: ApiContext

    async def create(self, request: Request) -> Any:
        """Answer a question."""
        request_id = request.state.request_id
        chat = await read_json(request, ChatRequest, count_body_bytes(request))
        head = {
            "id": f"chatcmpl-{request_id[4:]}",
            "created": int(self.context.clock.now().timestamp()),
        }
        if chat.audio:
            served = self.context.pick_model(chat.model, "synthesizer", request.state.leniency)
            dialect = MimoDialect(self.context, chat, request.state.key_name)
            return await dialect.speak({**head, "model": served.model_id}, request)
        model_id, chat, answer = self.prepare(chat, request)
        head["model"] = model_id
        if chat.stream:
            return Stream(await begin(_stream(chat, head, answer)), EVENTS, request_id)
        answers = [answer(take, None) for take in range(chat.n)]
        return build_completion(head, await asyncio.gather(*answers))

    def prepare(self, chat: ChatRequest, request: Request) -> tuple[str, ChatRequest, GiveAnswer]:
        """Return the model, what it can do of the request, and what gives the answers.

        Raises ApiError.
        """
        leniency, key_name = request.state.leniency, request.state.key_name
        role = self._find_role(chat)
        served = self.context.pick_model(chat.model, role, leniency)
        if role == "transcriber":
            return served.model_id, chat, MimoDialect(self.context, chat, key_name).transcribe
        chat = self._check(chat, leniency)
        return served.model_id, chat, partial(self._answer, chat, key_name)

    def _find_role(self, chat: ChatRequest) -> Role:
        """Return what is asked for: MiMo's clients transcribe through this endpoint."""
        recordings = [data for message in chat.dialogue for data in message.recordings]
        is_transcriber = any(m.role == "transcriber" for m in self.context.find_models(chat.model))
        return "transcriber" if is_transcriber and len(recordings) == 1 else "answerer"

    def _check(self, chat: ChatRequest, leniency: Leniency) -> ChatRequest:
        """Return what this engine can do of a request. Raises ApiError."""
        limits = self.context.answering.answerer.limits
        urls = [url for m in chat.dialogue for url in m.recordings if isinstance(url, str)]
        if urls and not self.context.answering.can_fetch_urls:
            raise refuse(
                "input_audio.data must be base64: addresses are not fetched", "input_audio.data"
            )
        if not all(map(is_public_url, urls)):
            raise refuse(
                "input_audio.data is not an address of a public website", "input_audio.data"
            )
        if chat.is_thinking and not limits.can_think:
            leniency.drop("thinking is not supported by this model", "thinking")
        for name in sorted(chat.sampling.parameters.keys() - limits.parameters):
            leniency.drop(f"{name} is not supported by this model", name)
        if chat.n > 1 and not limits.parameters:
            leniency.drop("n must be 1: this model is deterministic", "n")
            return chat.model_copy(update={"n": 1})
        return chat

    async def _answer(
        self,
        chat: ChatRequest,
        key_name: str,
        take: int = 0,
        on_text: Callable[[str], None] | None = None,
    ) -> Answer:
        answering = ChatAnswering(self.context, chat, take)
        with work_for(requester_of_key(key_name)):
            return await retry_once(partial(answering.answer, on_text))


async def _stream(chat: ChatRequest, head: Head, answer: GiveAnswer) -> AsyncGenerator[bytes, None]:
    """Yield the chunks of one answer after the other, then the usage of all."""
    answers: list[Answer] = []
    for take in range(chat.n):
        role = {"role": "assistant"}
        parts = follow_text(partial(answer, take))
        async with aclosing(parts):
            async for new, done in parts:
                for chunk in _build_chunks(head, {**role, "content": new}, done, take):
                    yield build_event(chunk)
                answers += [done] if done else []
                role = {}
    if chat.has_usage:
        yield build_event(build_usage_chunk(head, answers))
    yield DONE


def _build_chunks(
    head: Head, delta: dict[str, Any], answer: Answer | None, index: int
) -> list[ChatChunk]:
    """Return a piece of an answer; at its end also the finish reason."""
    if answer is None:
        return [build_chunk(head, delta, index=index)]
    reasoning = {"reasoning_content": answer.reasoning} if answer.reasoning else {}
    is_more = delta.get("content") or reasoning
    rest = [build_chunk(head, {**delta, **reasoning}, index=index)] if is_more else []
    return [*rest, build_chunk(head, {}, end=answer, index=index)]


@dataclass(slots=True)
class ChatAnswering:
    """One request to the answering engine."""

    context: ApiContext
    request: ChatRequest
    #: Number of the answer among several.
    take: int = 0
    _passages: list[Passage] = field(default_factory=list)

    async def answer(self, on_text: Callable[[str], None] | None = None) -> Answer:
        """Return the answer. An engine that takes no audio is given transcripts.

        Raises UserError, EngineError.
        """
        self._passages = []
        dialogue = self.request.dialogue
        has_audio = any(message.recordings for message in dialogue)
        if not has_audio or self.context.answering.takes_audio:
            try:
                return await self._ask([await self._prepare(m) for m in dialogue], on_text)
            except AudioNotSupported:
                pass
        return await self._ask([await self._transcribe(m) for m in dialogue], on_text)

    async def _ask(self, turns: list[Turn], on_text: Callable[[str], None] | None) -> Answer:
        request, default = self.request, Question(())
        question = Question(
            turns=tuple(turns),
            instructions=request.instructions,
            words=request.dialogue[-1].text,
            passages=tuple(self._passages),
            is_thinking=request.is_thinking,
            max_tokens=request.token_limit or default.max_tokens,
            temperature=request.temperature,
            sampling=replace(request.sampling, take=self.take),
        )
        # A program that sets a limit wants the answer cut there.
        continuations = 0 if request.token_limit else MAX_CONTINUATIONS
        return await self.context.answering.answer(
            question, on_text=on_text, continuations=continuations
        )

    async def _prepare(self, message: UserMessage | AssistantMessage) -> Turn:
        audios = [
            # The engine's service fetches it.
            Audio(b"", "", 0.0, data)
            if isinstance(data, str)
            else await self.context.answering.prepare(data)
            for data in message.recordings
        ]
        return Turn(message.role, message.text, tuple(audios), message.reasoning_content)

    async def _transcribe(self, message: UserMessage | AssistantMessage) -> Turn:
        """Return a message with the transcripts of its recordings before its own text."""
        texts = []
        for data in message.recordings:
            if isinstance(data, str):
                raise refuse("input_audio.data must be base64 for this model", "input_audio.data")
            transcript = (await self.context.transcription.transcribe(data)).transcript
            texts.append(f"The recording says:\n{transcript.text}")
            self._passages += [
                Passage(format_timestamp(s.start_s), s.text) for s in transcript.segments
            ]
        text = "\n\n".join([*texts, message.text]).strip()
        return Turn(message.role, text, (), message.reasoning_content)
