"""How a question about audio or text becomes an answer: checked, asked once, stored, continued.

Every answer is stored before the next step, so that a job may run again from its start at any
moment and pays for nothing twice. Answers are returned as the model wrote them: whoever shows one
sanitizes it (`core.safety`).
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from functools import cached_property, partial

from core import metrics
from core.audio import Media
from core.clock import CLOCK, Clock
from core.errors import OverBudget, UserError
from core.interfaces import Answerer, AnswererLimits, OnText, Recording
from core.limits import AccountGate
from core.limits.budgets import Budgets
from core.limits.parallel import finish_all
from core.limits.prices import measure
from core.models import Amount, Answer, Audio, Question, Turn, Usage, add_amounts, add_usages
from core.requester import REQUESTER
from core.stall import note_progress
from core.store.work.results import Results
from core.text.scripts import is_unspaced
from core.text.tokens import count_tokens
from core.transcription.progress import OnProgress, Progress
from core.transcription.reports import CallReport

Show = Callable[[str | Progress], None]

#: How often an answer that was cut off is continued.
MAX_CONTINUATIONS = 2
#: Partial text is shown again when it has grown by this much.
_STEP_CHARS = 24
#: Held for a recording that the service fetches: how long it is turns out afterwards.
_FETCHED_S = 60.0
CONTINUE = "Continue exactly where you stopped. Repeat nothing."


class QuestionTooLong(UserError):
    """The question does not fit into the engine's context."""

    user_text = "This is too long for one question. Ask about a part of it."


class AnsweringPipeline:
    """Answers questions with one engine."""

    #: Whether the engine may be told to download audio from a URL by itself.
    allows_urls = False

    def __init__(
        self,
        media: Media,
        answerer: Answerer,
        results: Results,
        budgets: Budgets,
        clock: Clock = CLOCK,
    ) -> None:
        self.answerer = answerer
        self._media = media
        self._results = results
        self._budgets = budgets
        self._clock = clock

    @cached_property
    def gate(self) -> AccountGate:
        """Limits the calls to the engine."""
        return AccountGate(self.answerer.name, self.answerer.limits, "chat", self._clock)

    @property
    def takes_audio(self) -> bool:
        """True if the engine takes audio."""
        return bool(self.answerer.limits.formats)

    @property
    def can_fetch_urls(self) -> bool:
        """True if the engine may be given the URL of a recording instead of its audio."""
        return self.allows_urls and self.answerer.limits.can_fetch_urls

    async def prepare(self, recording: Recording, *, hint_s: float | None = None) -> Audio:
        """Return a recording as audio for the engine, converted if it does not take the format.

        hint_s: its claimed length, not trusted. Raises BadAudio, TooLong.
        """
        return await self._media.prepare(recording, self.answerer.limits, hint_s=hint_s)

    @asynccontextmanager
    async def hold_all(self, questions: Sequence[Question], later: int = 0) -> AsyncIterator[None]:
        """Hold what the answers to questions that are asked in the body may cost together.

        Those that are stored already cost nothing. later: how many more will follow, none of them
        longer. Raises OverBudget.
        """
        keys = await asyncio.to_thread(lambda: {self._key(one): one for one in questions})
        stored = await self._results.stored_answers(keys) if len(keys) + later > 1 else keys.keys()
        most = [self._count_most(keys[key]) for key in keys.keys() - stored]
        costs = [measure(one, one.audio_s) for one in most]
        more = [max(costs)] * later if costs else []
        async with self._budgets.hold_for_all(add_amounts([*costs, *more])):
            yield

    async def answer_all(
        self, questions: Sequence[Question], on_progress: OnProgress
    ) -> list[Answer]:
        """Ask in parallel. If one fails, the others still finish, since they are paid for.

        on_progress: called while they wait, which they do in order. When all is done is known of
        one question only: the answers to several are asked about again.
        """
        (*first, last) = questions

        def show_place(progress: Progress) -> None:
            on_progress(replace(progress, left_s=None))

        calls = [
            *map(self.answer, first),
            self.answer(last, on_progress=show_place if first else on_progress),
        ]
        return await finish_all(calls)

    async def answer(
        self,
        question: Question,
        *,
        on_text: OnText | None = None,
        on_progress: OnProgress | None = None,
        continuations: int = MAX_CONTINUATIONS,
    ) -> Answer:
        """Return the answer, the stored one if the same was asked before.

        on_text: called with the text so far. on_progress: called before that, if it takes long
        until others were answered. continuations: how often an answer that the engine cut off is
        continued; `is_cut` is True if it is cut off even then, or there is no room for that.
        Raises QuestionTooLong, EngineError.
        """
        answer = await self._ask(question, _join(on_text, on_progress))
        for _ in range(continuations):
            if not answer.is_cut:
                break
            answer = await self._continue(question, answer, on_text)
        return answer

    async def _continue(self, question: Question, begun: Answer, on_text: OnText | None) -> Answer:
        so_far = Turn("assistant", begun.text, reasoning=begun.reasoning)
        turns = (*question.turns, so_far, Turn("user", CONTINUE))
        show = on_text and (lambda text: on_text(join_parts(begun.text, text)))
        # It is held for nobody: what is held for other calls of the work is theirs.
        try:
            with self._budgets.hold_apart():
                rest = await self._ask(replace(question, turns=turns), _join(show, None))
        except (QuestionTooLong, OverBudget):
            return begun
        usage = add_usages((begun.usage, rest.usage))
        text = join_parts(begun.text, rest.text)
        return replace(rest, text=text, reasoning=begun.reasoning, usage=usage)

    async def _ask(self, question: Question, show: Show | None) -> Answer:
        # In a thread: the recordings may be many megabytes.
        key = await asyncio.to_thread(self._key, question)
        return await self._results.share(key, partial(self._call, question, key), show)

    async def _call(self, question: Question, key: str, show: Show | None) -> Answer:
        if answer := await self._results.find_answer(key):
            note_progress()
            return answer
        name, audio_s, most = self.answerer.name, question.audio_s, self._count_most(question)
        if most.prompt_tokens + most.completion_tokens > self.answerer.limits.context_tokens:
            raise QuestionTooLong
        async with self._budgets.reserve() as reservation:
            await reservation.hold(measure(most, most.audio_s))
            report = self._open_report(show, measure(most, most.audio_s))
            shown = _Shown(show and report.end_before(show))
            with closing(report):
                async with self.gate.call(audio_s, key, report.wait):
                    with reservation.send(lambda: measure(shown.count(most), most.audio_s)) as call:
                        answer = await self.answerer.answer(question, on_text=show and shown)
                        # An engine that does not count is taken to have used all that it might.
                        used = answer.usage or most
                        call.cost = measure(used, self._find_audio_s(question, used))
            metrics.ENGINE_AUDIO_SECONDS.labels(name).inc(audio_s)
            save = partial(self._results.save_answer, key, answer)
            await reservation.pay(save, is_last=True)
        return answer

    def _open_report(self, show: Show | None, most: Amount) -> CallReport:
        report = CallReport(show, self.gate, self._clock)
        report.find_share = self._budgets.find_share(most)
        return report

    def _count_most(self, question: Question) -> Usage:
        """Return the usage of a call with the longest answer."""
        prompt = count_question_tokens(question, self.answerer.limits) - question.max_tokens
        name, model = self.answerer.name, self.answerer.model
        audio_s = question.audio_s + _FETCHED_S * question.count_urls()
        return Usage(name, model, audio_s, prompt, question.max_tokens)

    def _find_audio_s(self, question: Question, used: Usage) -> float:
        """Return how much audio a call has used: of what the service has fetched, what it says."""
        if not question.count_urls():
            return question.audio_s
        return max(used.audio_s, used.audio_tokens / self.answerer.limits.audio_tokens_per_s)

    def _key(self, question: Question) -> str:
        """Return a hash of the question, with the audio of each turn replaced by its digest."""
        turns = tuple(
            replace(
                turn,
                audios=tuple(replace(a, data=hashlib.sha256(a.data).digest()) for a in turn.audios),
            )
            for turn in question.turns
        )
        engine = f"{REQUESTER.get().scope}|{self.answerer.name}|{self.answerer.model}"
        return hashlib.sha256(f"{engine}|{replace(question, turns=turns)!r}".encode()).hexdigest()


def _join(on_text: OnText | None, on_progress: OnProgress | None) -> Show | None:
    """Return a function that is called with both kinds of news."""
    if not (on_text or on_progress):
        return None

    def show(news: str | Progress) -> None:
        if isinstance(news, Progress):
            if on_progress:
                on_progress(news)
        elif on_text:
            on_text(news)

    return show


class _Shown:
    """The text of an answer that has been streamed so far, which is passed on."""

    def __init__(self, on_text: OnText | None) -> None:
        self._on_text, self._text = on_text, ""

    def __call__(self, text: str) -> None:
        self._text = text
        if self._on_text:
            self._on_text(text)

    def count(self, most: Usage) -> Usage:
        """Return the part of `most` that was used so far."""
        return replace(most, completion_tokens=count_tokens(self._text))


def count_question_tokens(question: Question, limits: AnswererLimits) -> int:
    """Return the estimated tokens of a question and its longest answer."""
    texts = [question.instructions, *(turn.text + turn.reasoning for turn in question.turns)]
    audio = int(question.audio_s * limits.audio_tokens_per_s)
    return sum(map(count_tokens, texts)) + audio + question.max_tokens


def join_parts(begun: str, rest: str) -> str:
    """Join an answer that was cut off with its continuation."""
    if not begun or begun[-1].isspace() or not rest[:1].isalnum():
        return begun + rest
    return begun + rest if is_unspaced(begun[-1]) or is_unspaced(rest[0]) else f"{begun} {rest}"


def in_steps(show: OnText) -> OnText:
    """Return a callback that calls `show` only when the text has grown by a step or began anew.

    Sanitizing a text costs more than receiving a few letters of it.
    """
    shown_chars = 0

    def on_text(text: str) -> None:
        nonlocal shown_chars
        if not 0 <= len(text) - shown_chars < _STEP_CHARS:
            shown_chars = len(text)
            show(text)

    return on_text
