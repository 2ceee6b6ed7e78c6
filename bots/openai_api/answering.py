"""Answering a dialogue: with its recordings, or with their transcripts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from bots.openai_api.chat_request import AssistantMessage, ChatRequest, UserMessage
from bots.openai_api.context import ApiContext
from core.answering.pipeline import MAX_CONTINUATIONS
from core.errors import AudioNotSupported
from core.models import Answer, Passage, Question, Turn
from core.text.timestamps import format_timestamp

_OnText = Callable[[str], None] | None


@dataclass(slots=True)
class ChatAnswering:
    """One request to the answering engine."""

    context: ApiContext
    request: ChatRequest
    #: Length of the recordings, once they were decoded.
    audio_s: float = 0.0
    _passages: list[Passage] = field(default_factory=list)

    async def answer(self, on_text: _OnText = None) -> Answer:
        """Return the answer. An engine that takes no audio is given transcripts.

        Raises UserError, EngineError.
        """
        self.audio_s, self._passages = 0.0, []
        dialogue = self.request.dialogue
        has_audio = any(message.recordings for message in dialogue)
        if not has_audio or self.context.answering.takes_audio:
            try:
                return await self._ask([await self._prepare(m) for m in dialogue], on_text)
            except AudioNotSupported:
                self.audio_s = 0.0
        return await self._ask([await self._transcribe(m) for m in dialogue], on_text)

    async def _ask(self, turns: list[Turn], on_text: _OnText) -> Answer:
        request, default = self.request, Question(())
        question = Question(
            turns=tuple(turns),
            instructions=request.instructions,
            words=request.dialogue[-1].text,
            passages=tuple(self._passages),
            is_thinking=request.is_thinking,
            max_tokens=request.token_limit or default.max_tokens,
            temperature=request.temperature,
        )
        # A program that sets a limit wants the answer cut there.
        continuations = 0 if request.token_limit else MAX_CONTINUATIONS
        return await self.context.answering.answer(
            question, on_text=on_text, continuations=continuations
        )

    async def _prepare(self, message: UserMessage | AssistantMessage) -> Turn:
        audios = [await self.context.answering.prepare(data) for data in message.recordings]
        self.audio_s += sum(audio.duration_s for audio in audios)
        return Turn(message.role, message.text, tuple(audios), message.reasoning_content)

    async def _transcribe(self, message: UserMessage | AssistantMessage) -> Turn:
        """Return a message with the transcripts of its recordings before its own text."""
        texts = []
        for data in message.recordings:
            transcript = (await self.context.transcription.transcribe(data)).transcript
            self.audio_s += transcript.duration_s
            texts.append(f"The recording says:\n{transcript.text}")
            self._passages += [
                Passage(format_timestamp(s.start_s), s.text) for s in transcript.segments
            ]
        text = "\n\n".join([*texts, message.text]).strip()
        return Turn(message.role, text, (), message.reasoning_content)
