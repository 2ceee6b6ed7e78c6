"""Answers by MiMo's chat models, which also take recordings."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from core.engines.mimo import chat_wire, transcription_wire
from core.engines.mimo.role import CHAT_LIMITS, MimoRole
from core.engines.wire import chat
from core.engines.wire.errors import paid_before
from core.errors import EngineBadReply
from core.interfaces import AnswererLimits, OnText
from core.models import Answer, Question
from core.text.mimo_names import CHAT

#: Time for each token of the longest answer, and for each second of the recordings: they are
#: uploaded, and then listened to far faster than they were spoken.
_PER_TOKEN_S = 0.03
_PER_AUDIO_S = 0.1


class MimoAnswerer(MimoRole):
    """Answers questions about texts and recordings."""

    model_setting = "mimo_chat_model"
    models = CHAT

    @property
    def limits(self) -> AnswererLimits:
        """The limits of a call; its context depends on the model."""
        context_tokens = chat_wire.find_context_tokens(self.model)
        return replace(CHAT_LIMITS, context_tokens=context_tokens)

    async def answer(self, question: Question, *, on_text: OnText | None = None) -> Answer:
        """Return the answer. A retired model is replaced on the way.

        If there was nothing but reasoning, it asks again without thinking.
        """
        return await self._choice.use(partial(self._answer, question, on_text))

    async def _answer(self, question: Question, on_text: OnText | None, model: str) -> Answer:
        answer = await self._ask(question, on_text, model)
        if answer.text:
            return answer
        with paid_before():
            quick = await self._ask(replace(question, is_thinking=False), on_text, model)
        return chat.combine_answers(answer, quick)

    async def _ask(self, question: Question, on_text: OnText | None, model: str) -> Answer:
        body = chat_wire.build_question(question, model=model, is_streamed=on_text is not None)
        input_s = question.audio_s * _PER_AUDIO_S
        deadline_s = self.deadline_s + question.max_tokens * _PER_TOKEN_S + input_s
        read_json = partial(transcription_wire.read_response, model=model)
        completion = await self._complete(body, deadline_s, read_json, on_text)
        if chat.has_audio(question) and chat.counts_no_audio(completion):
            raise EngineBadReply("zero audio tokens: the recording was ignored")
        return chat.make_answer(completion, chat.read_usage(completion, self.name, model))
