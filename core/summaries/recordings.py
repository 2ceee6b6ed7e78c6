"""Recordings of a talk that nobody has asked to transcribe yet: a summary needs their words."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from core.errors import EngineError, PlatformError, UserError
from core.glossary.apply import apply_to
from core.interfaces import Platform
from core.limits.parallel import finish_all
from core.locale import mark, translate
from core.models import Chat, Job, QuotedMessage, RememberedMessage
from core.store import Store
from core.transcription.pipeline import TranscriptionPipeline
from core.transcription.progress import OnProgress

#: Shown while the summary is being made.
READING = mark("Reading the conversation …")
#: Voice notes of one summary that are transcribed in parallel, so that other work goes on.
_TRANSCRIBED_AT_ONCE = 4


class TalkRecordings:
    """Transcribes the recordings of a talk."""

    def __init__(
        self,
        store: Store,
        transcription: TranscriptionPipeline,
        platform: Platform,
        on_progress: OnProgress,
    ) -> None:
        """on_progress: called while a minute or more is transcribed."""
        self._store = store
        self._transcription = transcription
        self._platform = platform
        self._on_progress = on_progress

    async def transcribe(
        self, job: Job, chat: Chat, messages: Sequence[RememberedMessage]
    ) -> list[RememberedMessage]:
        """Return the messages with transcripts of their recordings, as far as these succeed."""
        new = {m.message_id: m for m in messages if m.attachment and m.transcript is None}
        if new:
            new = await self._transcribe_all(job, chat, new)
        corrections = (await self._store.chats.settings(chat)).talk.glossary
        complete = (new.get(message.message_id, message) for message in messages)
        return [
            replace(m, transcript=apply_to(m.transcript, corrections, m.speaker_id))
            if m.transcript
            else m
            for m in complete
        ]

    async def _transcribe_all(
        self, job: Job, chat: Chat, messages: dict[str, RememberedMessage]
    ) -> dict[str, RememberedMessage]:
        """Return recordings by id with their transcripts, and show meanwhile how far they are."""
        slots = asyncio.Semaphore(_TRANSCRIBED_AT_ONCE)
        reading = translate(READING, job.message.language)
        report = self._transcription.report_jointly(
            lambda progress: self._on_progress(replace(progress, text=reading)),
            {key: m.attachment.duration_s or 0.0 for key, m in messages.items() if m.attachment},
        )

        async def transcribe(message: RememberedMessage) -> RememberedMessage:
            async with slots:
                note = partial(report.note, message.message_id)
                found = await self._transcribe(job, chat, message, note)
            report.finish(message.message_id)
            return found

        estimating = report.start()
        try:
            found = await finish_all(map(transcribe, messages.values()))
        finally:
            estimating.cancel()
        return dict(zip(messages, found, strict=True))

    async def _transcribe(
        self, job: Job, chat: Chat, message: RememberedMessage, on_progress: OnProgress
    ) -> RememberedMessage:
        """Return the message with its transcript; a failure must not fail the summary."""
        quoted = QuotedMessage(message.message_id, attachment=message.attachment)
        wanted = replace(job.message, chat=chat, attachment=None, reply_to=quoted)
        try:
            data = await self._platform.fetch(wanted)
            hint_s = message.attachment.duration_s if message.attachment else None
            own = await self._store.voices.choice(chat.platform, message.sender_id)
            language = own.language or job.settings.language
            result = await self._transcription.transcribe(
                data, language=language, hint_s=hint_s, on_progress=on_progress
            )
        except (UserError, EngineError, PlatformError):
            return message
        transcript = result.transcript
        await self._store.memory.save_transcript(chat, message.message_id, transcript, result.key)
        return replace(message, transcript=transcript)
