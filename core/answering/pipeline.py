"""How a question about sound or text becomes an answer: checked, asked once, kept, continued.

Every answer that was paid for is kept before the next step, so that a job may run again from its
start at any moment and asks nothing twice. What leaves here is a model's text as it came:
whoever shows it defuses it (`core.safety`).
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property

from core import metrics
from core.audio import Media
from core.clock import CLOCK, Clock
from core.errors import UserError
from core.interfaces import Answerer, AnswererLimits
from core.limits import AccountGate
from core.models import Answer, Audio, Question, Turn
from core.store.work.results import Results
from core.text.scripts import is_unspaced
from core.text.tokens import count_tokens

OnText = Callable[[str], None]

#: How often an answer that was cut short is continued.
MAX_CONTINUATIONS = 2
CONTINUE = "Continue exactly where you stopped. Repeat nothing."


class QuestionTooLong(UserError):
    """More than the engine can take in with one question."""

    user_text = "This is too long for one question. Ask about a part of it."


class AnsweringPipeline:
    """Answers questions with one engine.

    allows_urls: whether the engine may be told to fetch sound from an address by itself.
    """

    def __init__(
        self,
        media: Media,
        answerer: Answerer,
        results: Results,
        *,
        allows_urls: bool = False,
        clock: Clock = CLOCK,
    ) -> None:
        self.answerer = answerer
        self._media = media
        self._results = results
        self._allows_urls = allows_urls
        self._clock = clock

    @cached_property
    def gate(self) -> AccountGate:
        """What every call to the engine passes."""
        return AccountGate(self.answerer.name, self.answerer.limits, "chat", self._clock)

    @property
    def takes_audio(self) -> bool:
        """True where the engine takes sound."""
        return bool(self.answerer.limits.formats)

    @property
    def can_fetch_urls(self) -> bool:
        """True where the engine may be given the address of a sound instead of the sound."""
        return self._allows_urls and self.answerer.limits.can_fetch_urls

    async def prepare(self, data: bytes, *, hint_s: float | None = None) -> Audio:
        """Return a recording ready for the engine: as it came where it takes that, else converted.

        hint_s: its claimed length, not trusted. Raises BadAudio, TooLong.
        """
        return await self._media.prepare(data, self.answerer.limits, hint_s=hint_s)

    async def answer(
        self,
        question: Question,
        *,
        on_text: OnText | None = None,
        continuations: int = MAX_CONTINUATIONS,
    ) -> Answer:
        """Return the answer, the kept one where the same was asked before.

        on_text: called with the text so far. An answer that the engine cut short is continued so
        often; `is_cut` is True if it is cut even then. Raises QuestionTooLong, EngineError.
        """
        whole = await self._ask(question, on_text)
        for _ in range(continuations):
            if not whole.is_cut:
                break
            whole = await self._continue(question, whole, on_text)
        return whole

    async def _continue(self, question: Question, begun: Answer, on_text: OnText | None) -> Answer:
        said = Turn("assistant", begun.text, reasoning=begun.reasoning)
        turns = (*question.turns, said, Turn("user", CONTINUE))
        listen = on_text and (lambda text: on_text(join_parts(begun.text, text)))
        try:
            rest = await self._ask(replace(question, turns=turns), listen)
        except QuestionTooLong:
            return begun
        return replace(rest, text=join_parts(begun.text, rest.text), reasoning=begun.reasoning)

    async def _ask(self, question: Question, on_text: OnText | None) -> Answer:
        # A thread: the sounds may be many megabytes.
        key = await asyncio.to_thread(self._key, question)
        found = await self._results.find_answer(key)
        if found is not None:
            return found
        limits = self.answerer.limits
        if count_all(question, limits) > limits.context_tokens:
            raise QuestionTooLong
        answer = await self._call(question, key, on_text)
        await self._results.save_answer(key, answer)
        return answer

    async def _call(self, question: Question, key: str, on_text: OnText | None) -> Answer:
        duration_s = _sound_s(question)
        await self.gate.take_slot()
        try:
            async with self.gate.call(duration_s, key):
                answer = await self.answerer.answer(question, on_text=on_text)
        finally:
            self.gate.give_slot()
        metrics.ENGINE_AUDIO_SECONDS.labels(self.answerer.name).inc(duration_s)
        return answer

    def _key(self, question: Question) -> str:
        turns = tuple(replace(t, audios=tuple(map(_digest, t.audios))) for t in question.turns)
        engine = f"{self.answerer.name}|{self.answerer.model}"
        return hashlib.sha256(f"{engine}|{replace(question, turns=turns)!r}".encode()).hexdigest()


def count_all(question: Question, limits: AnswererLimits) -> int:
    """Return about how many tokens a question and its longest answer are."""
    texts = [question.instructions, *(turn.text + turn.reasoning for turn in question.turns)]
    sound = int(_sound_s(question) * limits.audio_tokens_per_s)
    return sum(map(count_tokens, texts)) + sound + question.max_tokens


def join_parts(begun: str, rest: str) -> str:
    """Join an answer that was cut with what came after it."""
    if not begun or begun[-1].isspace() or not rest[:1].isalnum():
        return begun + rest
    return begun + rest if is_unspaced(begun[-1]) or is_unspaced(rest[0]) else f"{begun} {rest}"


def _sound_s(question: Question) -> float:
    return sum(audio.duration_s for turn in question.turns for audio in turn.audios)


def _digest(audio: Audio) -> Audio:
    return replace(audio, data=hashlib.sha256(audio.data).digest())
