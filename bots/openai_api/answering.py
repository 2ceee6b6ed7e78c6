"""From a dialogue that a program sent to an answer: with the sound, or with its words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from bots.openai_api.chat_messages import ChatMessage
from bots.openai_api.chat_request import ChatRequest
from bots.openai_api.services import Services
from core.answering.pipeline import MAX_CONTINUATIONS
from core.errors import AudioNotSupported
from core.models import Answer, Passage, Question, Turn
from core.text.timestamps import format_timestamp

_OnText = Callable[[str], None] | None


@dataclass(slots=True)
class ChatAnswering:
    """One question to the engine that understands."""

    services: Services
    order: ChatRequest
    #: Length of the recordings, once they were read.
    audio_s: float = 0.0
    _passages: list[Passage] = field(default_factory=list)

    async def answer(self, on_text: _OnText = None) -> Answer:
        """Return the answer. An engine that takes no sound is given the words of it.

        Raises UserError, EngineError.
        """
        self.audio_s, self._passages = 0.0, []
        has_sound = any(said.sounds for said in self.order.said)
        if not has_sound or self.services.answering.takes_audio:
            try:
                return await self._ask([await self._prepare(s) for s in self.order.said], on_text)
            except AudioNotSupported:
                self.audio_s = 0.0
        return await self._ask([await self._hear(said) for said in self.order.said], on_text)

    async def _ask(self, turns: list[Turn], on_text: _OnText) -> Answer:
        order, default = self.order, Question(())
        question = Question(
            turns=tuple(turns),
            instructions=order.instructions,
            words=order.said[-1].text,
            passages=tuple(self._passages),
            is_thinking=order.is_thinking,
            max_tokens=order.max_tokens or default.max_tokens,
            temperature=order.temperature,
        )
        # Who has set a limit wants what is cut there.
        continuations = 0 if order.max_tokens else MAX_CONTINUATIONS
        return await self.services.answering.answer(
            question, on_text=on_text, continuations=continuations
        )

    async def _prepare(self, said: ChatMessage) -> Turn:
        audios = [await self.services.answering.prepare(sound) for sound in said.sounds]
        self.audio_s += sum(audio.duration_s for audio in audios)
        return Turn(said.role, said.text, tuple(audios), said.reasoning)

    async def _hear(self, said: ChatMessage) -> Turn:
        """Return a message with the words of its recordings in front of its own."""
        texts = []
        for sound in said.sounds:
            transcript = (await self.services.transcription.transcribe(sound)).transcript
            self.audio_s += transcript.duration_s
            texts.append(f"The recording says:\n{transcript.text}")
            self._passages += [
                Passage(format_timestamp(s.start_s), s.text) for s in transcript.segments
            ]
        return Turn(said.role, "\n\n".join([*texts, said.text]).strip(), (), said.reasoning)
