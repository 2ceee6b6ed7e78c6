"""How a talk becomes a summary: select, transcribe the rest, ask part by part, join, parse.

Every transcript and answer is stored before the next step, and the questions depend only on the
talk and the day of the job, so that a job that runs again pays for nothing twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from core.answering.pipeline import AnsweringPipeline
from core.errors import EngineRefused, UserError
from core.interfaces import Platform
from core.locale.languages import name_language
from core.models import (
    Chat,
    Job,
    Passage,
    Question,
    Reply,
    Transcript,
)
from core.store import Store
from core.summaries import prompt
from core.summaries.format import TalkSummary, format_summary
from core.summaries.parse import (
    defuse_summary,
    parse_summaries,
    recording_sources,
    talk_sources,
)
from core.summaries.points import Length, Point, Summary, join_extracts
from core.summaries.prompt_input import Talk, split_talk
from core.summaries.ranges import SummaryRequest, load_zone
from core.summaries.recordings import TalkRecordings
from core.summaries.selection import select_messages
from core.summaries.spoken_summary import assign_voices, synthesize_script, write_script
from core.synthesis.pipeline import SynthesisPipeline
from core.synthesis.refusals import describe_no_voice
from core.text.moments import find_moments
from core.text.timestamps import format_timestamp
from core.transcription.pipeline import TranscriptionPipeline
from core.transcription.progress import OnProgress

#: Tokens of one part: with more, models begin to skip content.
_PART_TOKENS = 24_000
_LEAST_PART_TOKENS = 500
#: Partial summaries that one question joins.
_MOST_JOINED = 12


class NothingSaid(UserError):
    """No message is remembered for the requested range."""

    user_text = "There are no stored messages in this period."


class NothingTranscribed(UserError):
    """There are only recordings, and none of them could be transcribed."""

    user_text = "None of the recordings in this period could be transcribed."


class SummaryPipeline:
    """Summarises the remembered messages of a chat."""

    def __init__(
        self,
        store: Store,
        transcription: TranscriptionPipeline,
        answering: AnsweringPipeline,
        platform: Platform,
        on_progress: OnProgress,
    ) -> None:
        """on_progress: called while a minute or more is transcribed, or read aloud."""
        self._store = store
        self._answering = answering
        self._on_progress = on_progress
        self._recordings = TalkRecordings(store, transcription, platform, on_progress)

    async def summarize(
        self,
        job: Job,
        request: SummaryRequest,
        synthesis: SynthesisPipeline,
        chat: Chat | None = None,
    ) -> Reply:
        """Return the requested summary, and store up to where the person has read the talk.

        chat: whose talk, None = the job's. If speech fails, the text has a note instead.
        Raises NothingSaid, NothingTranscribed, EngineError.
        """
        result = await self.summarize_talk(job, request, chat)
        origin = chat.chat_id if chat and chat != job.message.chat else ""
        messages = result.talk.messages
        people = frozenset[str]().union(*(one.author_ids for one in messages))
        reply = format_summary(result, job.message.language, origin)
        sources = tuple(one.message_id for one in messages)
        reply = replace(reply, people=tuple(sorted(people)), sources=sources)
        if request.is_spoken:
            reply = await self._add_speech(reply, result, (job, request), synthesis)
        until_at, person = request.span.until_at, job.message.sender_id
        if request.is_catching_up and until_at and person:
            await self._store.memory.note_read(chat or job.message.chat, person, until_at)
        return reply

    async def _add_speech(
        self,
        reply: Reply,
        result: TalkSummary,
        order: tuple[Job, SummaryRequest],
        synthesis: SynthesisPipeline,
    ) -> Reply:
        (job, request), language = order, order[0].message.language
        task = make_task(job, request.length)
        voices = assign_voices(result.talk, synthesis.synthesizer.voices(), language)
        synthesize = partial(synthesis.synthesize_dialogue, on_progress=self._on_progress)
        try:
            lines = await write_script(self._answering, result, task, is_full=request.is_full)
            file = await synthesize_script(synthesize, lines, voices, is_full=request.is_full)
        except (UserError, EngineRefused) as error:
            note = describe_no_voice(error, language)
            return replace(reply, text=f"{reply.text}\n\n{note}")
        return replace(reply, files=(file,), aloud="")

    async def summarize_talk(
        self, job: Job, request: SummaryRequest, chat: Chat | None = None
    ) -> TalkSummary:
        """Return the summary of a talk. Raises NothingSaid, NothingTranscribed, EngineError."""
        chat = chat or job.message.chat
        messages = await select_messages(self._store, job, request, chat)
        if not messages:
            raise NothingSaid
        messages = await self._recordings.transcribe(job, chat, messages)
        # In a thread: sorting and formatting thousands of messages takes a while.
        zone = load_zone(request.zone or await find_chat_zone(self._store, chat))
        talk = await asyncio.to_thread(Talk, messages, zone)
        task = make_task(job, request.length)
        summary, is_cut = await self._ask_parts(talk, task)
        failed = tuple(
            number
            for number, message in enumerate(talk.messages, 1)
            if message.attachment and message.transcript is None
        )
        return TalkSummary(summary, talk, failed, is_cut)

    async def summarize_recording(self, job: Job, transcript: Transcript) -> Summary:
        """Return the summary of one recording; its sources have seconds but no number."""
        task = make_task(job, "short")
        moments = await asyncio.to_thread(find_moments, transcript)
        passages = [Passage(format_timestamp(moment.start_s), moment.text) for moment in moments]
        find, build = recording_sources(transcript.duration_s), self._build_recording_questions
        questions = build(passages, task)
        async with self._answering.hold_all(questions, later=_count_joins(len(questions))):
            while True:
                answers = await self._answering.answer_all(questions, self._on_progress)
                summaries = parse_summaries(answers, find)
                if len(summaries) == 1:
                    break
                points = [point for summary in summaries for point in summary.points]
                passages = [Passage(format_timestamp(_second(one)), one.text) for one in points]
                questions = build(passages, task)
        summary = replace(summaries[0], is_extract=answers[0].is_extract)
        return defuse_summary(summary, transcript.text)

    async def _ask_parts(self, talk: Talk, task: prompt.SummaryTask) -> tuple[Summary, bool]:
        """Return the summary of a talk, and True if an answer was cut off."""
        entries = await asyncio.to_thread(lambda: list(talk.entries()))
        parts = await asyncio.to_thread(split_talk, entries, self._part_tokens(task.length))
        parts = [part for part in parts if part.passages]
        if not parts:
            raise NothingTranscribed
        names = {talk.name(message) for message in talk.messages}
        questions = [prompt.build_part_question(part, task) for part in parts]
        size = self._find_group_size(task.length)
        async with self._answering.hold_all(questions, later=_count_joins(len(parts), size)):
            answers = await self._answering.answer_all(questions, self._on_progress)
            is_cut = any(answer.is_cut for answer in answers)
            summaries = parse_summaries(answers, talk_sources(talk), names)
            if all(answer.is_extract for answer in answers):
                summaries = [join_extracts(summaries, prompt.POINTS[task.length])]
            while len(summaries) > 1:
                starts = range(0, len(summaries), size)
                groups = [summaries[at : at + size] for at in starts]
                questions = [prompt.build_join_question(group, task) for group in groups]
                answers = await self._answering.answer_all(questions, self._on_progress)
                is_cut = is_cut or any(answer.is_cut for answer in answers)
                summaries = parse_summaries(answers, talk_sources(talk), names)
        known = "\n".join(part.text for part in parts)
        return await asyncio.to_thread(defuse_summary, summaries[0], known), is_cut

    def _build_recording_questions(
        self, passages: Sequence[Passage], task: prompt.SummaryTask
    ) -> list[Question]:
        groups = prompt.group_passages(passages, self._part_tokens(task.length))
        return [prompt.build_recording_question(group, task) for group in groups]

    def _part_tokens(self, length: Length) -> int:
        context = self._answering.answerer.limits.context_tokens
        free = context - prompt.INSTRUCTION_TOKENS - prompt.TOKENS[length]
        return max(_LEAST_PART_TOKENS, min(_PART_TOKENS, free))

    def _find_group_size(self, length: Length) -> int:
        """Return how many partial summaries fit into one question."""
        return max(2, min(_MOST_JOINED, self._part_tokens(length) // prompt.TOKENS[length]))


def _count_joins(parts: int, size: int = _MOST_JOINED) -> int:
    """Return how many questions it takes to join partial summaries, `size` in each, into one."""
    joins = 0
    while parts > 1:
        parts = -(-parts // size)
        joins += parts
    return joins


def _second(point: Point) -> int:
    return next((source.second for source in point.sources if source.second is not None), 0)


async def find_chat_zone(store: Store, chat: Chat) -> str:
    """Return the time zone of a chat's digest, or UTC."""
    plans = await store.schedules.find(chat)
    return plans[0].zone if plans else "UTC"


def make_task(job: Job, length: Length) -> prompt.SummaryTask:
    """Return the task of writing a summary for the reader of `job`."""
    language = job.message.language
    return prompt.SummaryTask(
        job.created_at.date(), name_language(language, "en") if language else "", length
    )
