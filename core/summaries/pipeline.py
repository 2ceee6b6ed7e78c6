"""How a talk becomes a summary: select, hear what nobody has heard, ask part by part, join, read.

Every transcript and every answer is kept before the next step, and what is asked depends on the
talk and the day of the job alone, so that a job may run again from its start and pays nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from core import glossary
from core.answering.pipeline import AnsweringPipeline
from core.errors import EngineError, EngineRefused, PlatformError, UserError
from core.interfaces import Platform
from core.locale import mark, translate
from core.locale.languages import name_language
from core.models import (
    Answer,
    Chat,
    Job,
    Passage,
    Question,
    QuotedMessage,
    RememberedMessage,
    Reply,
    Transcript,
)
from core.store import Store
from core.summaries import prompt
from core.summaries.format import ToldSummary, show_summary
from core.summaries.moments import find_moments
from core.summaries.own_recordings import select_own
from core.summaries.parse import defuse_summary, read_summary, sources_at, sources_in
from core.summaries.points import Length, Point, Summary, join_extracts
from core.summaries.prompt_input import Talk, cut_parts
from core.summaries.ranges import USUAL, Request, find_zone
from core.summaries.spoken_summary import speak_script, write_script
from core.synthesis.pipeline import SynthesisPipeline
from core.text.timestamps import format_timestamp
from core.transcription.pipeline import TranscriptionPipeline

#: Shown meanwhile: hours of talk take a while.
READING = mark("I am going through what was said …")
#: Voice notes of one summary that are heard at once: the rest of the chat's work goes on.
_HEARD_AT_ONCE = 4
#: Tokens of one part: more than this and a model begins to skip.
_PART_TOKENS = 24_000
_LEAST_PART_TOKENS = 500
#: Summaries of parts that are joined by one question.
_MOST_JOINED = 12


class NothingSaid(UserError):
    """Nothing is kept of this part of the talk."""

    user_text = "Nothing was said in this time, or nothing of it is remembered here."


class NothingHeard(UserError):
    """There are recordings alone, and none of them could be heard."""

    user_text = "I could not hear any of what was said in this time."


class SummaryPipeline:
    """Sums up what is remembered of a chat."""

    def __init__(
        self,
        store: Store,
        transcription: TranscriptionPipeline,
        answering: AnsweringPipeline,
        platform: Platform,
    ) -> None:
        self._store = store
        self._transcription = transcription
        self._answering = answering
        self._platform = platform

    async def answer(
        self, job: Job, request: Request, synthesis: SynthesisPipeline, chat: Chat | None = None
    ) -> Reply:
        """Return the summary as the request wants it, and note that who asked knows the talk now.

        A voice that fails costs the voice only. Raises NothingSaid, EngineError.
        """
        told = await self.tell(job, request, chat)
        reply = self._show(told, job, chat)
        if request.is_spoken:
            reply = await self._speak(reply, told, (job, request), synthesis)
        await self.note_read(job, request, chat)
        return reply

    async def _speak(
        self,
        reply: Reply,
        told: ToldSummary,
        order: tuple[Job, Request],
        synthesis: SynthesisPipeline,
    ) -> Reply:
        job, request = order
        language = job.message.language
        task = make_task(job, request.length)
        try:
            lines = await write_script(self._answering, told, task, is_full=request.is_full)
            file = await speak_script(synthesis, lines, told, language, is_full=request.is_full)
        except (UserError, EngineRefused):
            note = translate("The voice reply could not be created.", language)
            return replace(reply, text=f"{reply.text}\n\n{note}")
        return replace(reply, files=(file,), aloud="")

    async def summarize(self, job: Job, request: Request, chat: Chat | None = None) -> Reply:
        """Return the summary that `job` asks for, in the language of its message.

        chat: whose talk, None = that of the job. Raises NothingSaid, EngineError.
        """
        return self._show(await self.tell(job, request, chat), job, chat)

    def _show(self, told: ToldSummary, job: Job, chat: Chat | None) -> Reply:
        origin = chat.chat_id if chat and chat != job.message.chat else ""
        return show_summary(told, job.message.language, origin)

    async def tell(self, job: Job, request: Request, chat: Chat | None = None) -> ToldSummary:
        """Return the summary and the talk that it is of. Raises NothingSaid, EngineError."""
        chat = chat or job.message.chat
        messages = await self._select(job, request, chat)
        if not messages:
            raise NothingSaid
        heard = await self._hear(job, chat, messages)
        # A thread: thousands of messages are sorted and written.
        zone = find_zone(request.zone or await zone_of(self._store, chat))
        talk = await asyncio.to_thread(Talk, heard, zone)
        task = make_task(job, request.length)
        summary, is_cut = await self._sum_up(talk, task)
        unheard = tuple(
            number
            for number, message in enumerate(talk.messages, 1)
            if message.attachment and message.transcript is None
        )
        return ToldSummary(summary, talk, unheard, is_cut)

    async def note_read(self, job: Job, request: Request, chat: Chat | None = None) -> None:
        """Note that who asked knows the talk up to now, if that is what they were told."""
        until_at, person = request.span.until_at, job.message.sender_id
        if request.is_catching_up and until_at and person:
            await self._store.memory.note_read(chat or job.message.chat, person, until_at)

    async def brief(self, job: Job, heard: Transcript) -> Summary:
        """Return the summary of one recording; its sources have seconds and no number."""
        task = make_task(job, "short")
        moments = await asyncio.to_thread(find_moments, heard)
        passages = [Passage(format_timestamp(moment.start_s), moment.text) for moment in moments]
        find = sources_at(heard.duration_s)
        while True:
            groups = prompt.group_passages(passages, self._part_tokens(task.length))
            answers = await self._ask([prompt.ask_recording(group, task) for group in groups])
            summaries = [read_summary(answer.text, find) for answer in answers]
            if len(summaries) == 1:
                break
            points = [point for summary in summaries for point in summary.points]
            passages = [Passage(format_timestamp(_second(point)), point.text) for point in points]
        summary = replace(summaries[0], is_extract=answers[0].is_extract)
        return defuse_summary(summary, heard.text)

    async def _select(self, job: Job, request: Request, chat: Chat) -> list[RememberedMessage]:
        span, memory = request.span, self._store.memory
        if request.is_unread:
            read_at = await memory.read_at(chat, job.message.sender_id)
            # Noted by this very job on an earlier try, or never.
            is_known = read_at is not None and read_at != span.until_at
            since_at = read_at + timedelta(microseconds=1) if read_at and is_known else None
            span = replace(span, since_at=since_at or asked_at_of(job) - USUAL)
        messages = await memory.select(chat, span)
        if not messages and job.message.is_private and chat == job.message.chat:
            messages = await select_own(self._store, job, span)
        senders = {message.sender_id for message in messages}
        opted_out = await memory.opted_out(chat.platform, senders)
        return [
            message
            for message in messages
            if message.sender_id not in opted_out and not message.text.startswith("/")
        ]

    async def _hear(
        self, job: Job, chat: Chat, messages: Sequence[RememberedMessage]
    ) -> list[RememberedMessage]:
        """Return the messages with what their recordings say, as far as that can be heard."""
        slots = asyncio.Semaphore(_HEARD_AT_ONCE)

        async def hear(message: RememberedMessage) -> RememberedMessage:
            async with slots:
                return await self._hear_one(job, chat, message)

        new = [m for m in messages if m.attachment is not None and m.transcript is None]
        found = {m.message_id: m for m in await asyncio.gather(*map(hear, new))}
        known = (await self._store.chats.settings(chat)).talk.glossary
        heard = (found.get(message.message_id, message) for message in messages)
        return [
            replace(m, transcript=glossary.apply_to(m.transcript, known)) if m.transcript else m
            for m in heard
        ]

    async def _hear_one(
        self, job: Job, chat: Chat, message: RememberedMessage
    ) -> RememberedMessage:
        """Return the message with its transcript; one that fails must not cost the summary."""
        quoted = QuotedMessage(message.message_id, attachment=message.attachment)
        wanted = replace(job.message, chat=chat, attachment=None, reply_to=quoted)
        try:
            data = await self._platform.fetch(wanted)
            hint_s = message.attachment.duration_s if message.attachment else None
            found = await self._transcription.transcribe(
                data, language=job.settings.language, hint_s=hint_s
            )
        except (UserError, EngineError, PlatformError):
            return message
        heard = found.transcript
        await self._store.memory.save_transcript(chat, message.message_id, heard, found.key)
        return replace(message, transcript=heard)

    async def _sum_up(self, talk: Talk, task: prompt.SummaryTask) -> tuple[Summary, bool]:
        """Return the summary of a talk, and whether some of it is missing."""
        lines = await asyncio.to_thread(lambda: list(talk.lines()))
        parts = await asyncio.to_thread(cut_parts, lines, self._part_tokens(task.length))
        parts = [part for part in parts if part.passages]
        if not parts:
            raise NothingHeard
        names = {talk.name(message) for message in talk.messages}
        answers = await self._ask([prompt.ask_part(part, task) for part in parts])
        is_cut = any(answer.is_cut for answer in answers)
        summaries = [read_summary(a.text, sources_in(talk), names) for a in answers]
        if all(answer.is_extract for answer in answers):
            summaries = [join_extracts(summaries, prompt.POINTS[task.length])]
        while len(summaries) > 1:
            questions = [prompt.ask_whole(group, task) for group in self._group(summaries, task)]
            answers = await self._ask(questions)
            is_cut = is_cut or any(answer.is_cut for answer in answers)
            summaries = [read_summary(a.text, sources_in(talk), names) for a in answers]
        known = "\n".join(part.text for part in parts)
        return await asyncio.to_thread(defuse_summary, summaries[0], known), is_cut

    async def _ask(self, questions: Sequence[Question]) -> list[Answer]:
        """Ask side by side. Those under way are let finish when one fails: they are paid for."""
        asked = (self._answering.answer(question) for question in questions)
        answers = await asyncio.gather(*asked, return_exceptions=True)
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer
        return [answer for answer in answers if isinstance(answer, Answer)]

    def _part_tokens(self, length: Length) -> int:
        context = self._answering.answerer.limits.context_tokens
        free = context - prompt.INSTRUCTION_TOKENS - prompt.TOKENS[length]
        return max(_LEAST_PART_TOKENS, min(_PART_TOKENS, free))

    def _group(self, summaries: Sequence[Summary], task: prompt.SummaryTask) -> list[list[Summary]]:
        """Return the summaries of parts in as few groups as fit one question each."""
        room = self._part_tokens(task.length)
        size = max(2, min(_MOST_JOINED, room // prompt.TOKENS[task.length]))
        return [list(summaries[at : at + size]) for at in range(0, len(summaries), size)]


def asked_at_of(job: Job) -> datetime:
    """Return up to when a job's summary tells."""
    return max(job.created_at, job.message.sent_at)


def _second(point: Point) -> int:
    return next((source.second for source in point.sources if source.second is not None), 0)


async def zone_of(store: Store, chat: Chat) -> str:
    """Return the zone in which a chat lives: it is known only where the chat has a digest."""
    plans = await store.schedules.find(chat)
    return plans[0].zone if plans else "UTC"


def make_task(job: Job, length: Length) -> prompt.SummaryTask:
    """Return how a summary for the reader of `job` is to be written."""
    language = job.message.language
    return prompt.SummaryTask(
        job.created_at.date(), name_language(language, "en") if language else "", length
    )
