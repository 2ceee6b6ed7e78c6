"""Answers by any server with OpenAI's chat completions."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from core.config import Settings
from core.engines.openai import OpenAIRole
from core.engines.openai import chat_wire as wire
from core.engines.wire import chat
from core.engines.wire.client import EngineClient
from core.engines.wire.errors import paid_before
from core.errors import AudioNotSupported, EngineRefused
from core.interfaces import AnswererLimits, OnText
from core.models import Answer, Question

#: Time for each token of the longest answer.
_PER_TOKEN_S = 0.1
#: Factor of the tokens of an answer after reasoning took all of them.
_MORE_TOKENS = 4


class OpenAIAnswerer(OpenAIRole):
    """Answers questions, and learns which of their parts the server does not take."""

    model_setting = "openai_chat_model"

    def __init__(self, settings: Settings, shared: EngineClient | None = None) -> None:
        super().__init__(settings, shared)
        self._can_take_audio = True
        #: Parts of a question that the server has refused.
        self._without: frozenset[str] = frozenset()

    @property
    def limits(self) -> AnswererLimits:
        """The limits of a call. A model that has refused audio once is sent no more of it."""
        return wire.find_limits(self.model, can_take_audio=self._can_take_audio)

    async def answer(self, question: Question, *, on_text: OnText | None = None) -> Answer:
        """Return the answer. Raises AudioNotSupported if there is audio and the model takes none.

        If there was nothing but reasoning, it asks again with more tokens.
        """
        return await self._choice.use(partial(self._answer, question, on_text))

    async def _answer(self, question: Question, on_text: OnText | None, model: str) -> Answer:
        answer = await self._ask(question, on_text, model)
        if answer.text:
            return answer
        max_tokens = question.max_tokens * _MORE_TOKENS
        quick = replace(question, is_thinking=False, max_tokens=max_tokens)
        with paid_before():
            return chat.combine_answers(answer, await self._ask(quick, on_text, model))

    async def _ask(self, question: Question, on_text: OnText | None, model: str) -> Answer:
        """Return the answer, asked for without the parts that the server refuses."""
        if chat.has_audio(question) and not self._can_take_audio:
            raise AudioNotSupported("the model has refused audio before")
        without = self._without
        while True:
            try:
                answer = await self._request(question, model, without, on_text)
            except EngineRefused as error:
                part = wire.find_unsupported(error, model=model, without=without)
                if part is None:
                    self._can_take_audio &= not isinstance(error, AudioNotSupported)
                    raise
                without |= {part}
            else:
                # Had something else been at fault, this would have failed as well.
                self._without = without
                return answer

    async def _request(
        self, question: Question, model: str, without: frozenset[str], on_text: OnText | None
    ) -> Answer:
        is_streamed = on_text is not None
        body = wire.build_question(question, model=model, is_streamed=is_streamed, without=without)
        deadline_s = self.deadline_s + 2 * question.audio_s + question.max_tokens * _PER_TOKEN_S
        completion = await self._complete(
            body, deadline_s, wire.read_response, on_text, wire.read_error
        )
        if chat.has_audio(question) and chat.counts_no_audio(completion):
            with paid_before():
                raise AudioNotSupported("zero audio tokens: the recording was ignored")
        return chat.make_answer(completion, chat.read_usage(completion, self.name, model))
