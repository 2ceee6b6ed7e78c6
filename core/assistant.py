"""The door of the assistant: it accepts messages and makes replies."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial

import structlog

from core import metrics
from core.answering.pipeline import AnsweringPipeline
from core.clock import CLOCK, Clock
from core.commands import load_command
from core.commands.arguments import ArgumentInput
from core.commands.context import Context, add_voice
from core.glossary import apply_to
from core.interfaces import DeliveryTarget, Platform
from core.models import (
    Chat,
    ChatSettings,
    Conversation,
    Job,
    JobState,
    Message,
    Reply,
    SpeechSettings,
    Suggestion,
    Transcript,
)
from core.operations.status import OperatorStatus
from core.routing import pick_command
from core.store import Store
from core.synthesis.pipeline import SynthesisPipeline
from core.transcription.pipeline import OnText, TranscriptionPipeline

log = structlog.get_logger()


class Assistant:
    """Accepts messages (the `Inbox` of platforms) and makes the replies of jobs."""

    def __init__(
        self,
        store: Store,
        transcription: TranscriptionPipeline,
        synthesis: SynthesisPipeline,
        answering: AnsweringPipeline,
        clock: Clock = CLOCK,
    ) -> None:
        self._store = store
        self._transcription = transcription
        self._synthesis = synthesis
        self._answering = answering
        self._clock = clock
        #: What the operator sees.
        self.status = OperatorStatus(store, transcription, synthesis, answering)
        #: Name -> platform; filled by main, since platforms need the door first.
        self.platforms: Mapping[str, Platform] = {}
        #: Called when a job was added.
        self.on_job: Callable[[], None] = lambda: None

    async def accept(self, message: Message, data: bytes | None = None) -> Job | None:
        """Commit the message and its job: see `core.interfaces.Inbox`."""
        job = await self._store.intake.add(message, self._pick, data)
        result = "job" if job else "passed"
        metrics.MESSAGES.labels(message.chat.platform, result).inc()
        if job:
            log.info("accepted", job=job.job_id, command=job.command)
            self.on_job()
        return job

    def _pick(self, message: Message, settings: ChatSettings) -> str | None:
        """Return the command that answers a message; plain talk may be read aloud."""
        command = pick_command(message, settings)
        platform = self.platforms.get(message.chat.platform)
        channels = platform.voice if platform else None
        is_plain = message.text and not (message.command or message.attachment or message.edit_id)
        if command is None and is_plain and channels and channels.is_read(message):
            return "read_out"
        return command

    async def move_chat(self, platform: str, bot_id: str, old_id: str, new_id: str) -> None:
        """Carry a chat over to its new id: see `core.interfaces.Inbox`."""
        old, new = Chat(platform, bot_id, old_id), Chat(platform, bot_id, new_id)
        await self._store.chats.move(old, new)

    async def forget(self, chat: Chat, message_id: str) -> None:
        """Follow a deletion: see `core.interfaces.Inbox`."""
        await self._store.memory.forget(chat, message_id)

    async def note_seen(self, platform: str, bot_id: str, seen: Mapping[str, str]) -> None:
        """Remember how far chats were read: see `core.interfaces.Inbox`."""
        await self._store.watermarks.move(platform, bot_id, seen)

    async def watermarks(self, platform: str, bot_id: str) -> dict[str, str]:
        """Return how far chats were read: see `core.interfaces.Inbox`."""
        return await self._store.watermarks.all(platform, bot_id)

    async def note_no_voice(self, chat: Chat) -> None:
        """Remember a refusal: see `core.interfaces.Inbox`."""
        await self._store.chats.note_no_voice(chat)

    async def recent(self, chat: Chat, limit: int) -> list[Job]:
        """Return the last jobs of a chat, the newest last: see `core.interfaces.Inbox`."""
        return (await self._store.jobs.history(chat, limit))[::-1]

    async def suggest(self, message: Message, field: str) -> list[Suggestion]:
        """Return what may be put into a field: see `core.interfaces.Inbox`."""
        fields = load_command(message.command).asked
        suggest = next((one.suggest for one in fields if one.name == field), None)
        return (
            await suggest(ArgumentInput(message, self._synthesis, self._store)) if suggest else []
        )

    async def blob(self, chat: Chat, message_id: str) -> bytes | None:
        """Return the sound that came with a message: see `core.interfaces.Inbox`."""
        return await self._store.intake.blob(chat, message_id)

    async def conversations(self, person: Chat) -> list[Conversation]:
        """Return the chats of a person: see `core.interfaces.WebInbox`."""
        return await self._store.conversations.of(person)

    async def begin(self, chat: Chat, like: Chat) -> None:
        """Let a new chat begin as another one is: see `core.interfaces.WebInbox`."""
        await self._store.chats.begin(chat, like)

    async def choices(self, chat: Chat, person_id: str) -> tuple[ChatSettings, SpeechSettings]:
        """Return what was chosen: see `core.interfaces.WebInbox`."""
        mine = await self._store.voices.choice(chat.platform, person_id)
        presets = self._synthesis.synthesizer.voices()
        voice = next((one.name for one in presets if one.voice_id == mine.voice), mine.voice)
        return await self._store.chats.settings(chat), replace(mine, voice=voice)

    async def job(self, chat: Chat, job_id: str) -> Job | None:
        """Return one job of a chat: see `core.interfaces.WebInbox`."""
        found = await self._store.jobs.find(job_id)
        return found if found and found.message.chat == chat else None

    async def transcript(self, job: Job) -> Transcript | None:
        """Return what an answer rests on: see `core.interfaces.WebInbox`."""
        key = job.reply.heard_key if job.reply else ""
        found = await self._store.results.find(key) if key else None
        return apply_to(found, job.settings.talk.glossary) if found else None

    def readiness(self) -> dict[str, bool]:
        """Return the parts of the program and whether each can do its work."""
        return {name: platform.is_ready for name, platform in self.platforms.items()}

    async def retry(self, job_id: str) -> bool:
        """Run a dead letter again, at once. Return False if there is none of that id."""
        is_found = await self._store.jobs.retry(job_id)
        if is_found:
            self.on_job()
        return is_found

    async def make_reply(self, job: Job) -> Reply:
        """Run the job's command and return its reply. Safe to repeat. Raises AssistantError."""
        platform = self.platforms[job.message.chat.platform]
        async with self._progress(platform, job) as on_text:
            context = Context(
                job, platform, self._transcription, self._synthesis, self._answering, self._store,
                self._clock, on_text, on_audio=partial(platform.play, self.target(job)),
            )  # fmt: skip
            reply = await load_command(job.command).function(context)
            return await add_voice(context, reply)

    def target(self, job: Job) -> DeliveryTarget:
        """Return where the job's answer goes, and what of it has gone."""
        ledger = self._store.ledger(job.job_id)
        is_refusal = job.outcome is JobState.REFUSED
        return DeliveryTarget(job.job_id, job.message, ledger, job.has_no_voice, is_refusal)

    @asynccontextmanager
    async def _progress(self, platform: Platform, job: Job) -> AsyncIterator[OnText]:
        """Yield what a command calls with the text so far; the newest text wins."""
        newest = ""
        is_new = asyncio.Event()

        def on_text(text: str) -> None:
            nonlocal newest
            if text and text != newest:
                newest = text
                is_new.set()

        async def show() -> None:
            while True:
                await is_new.wait()
                is_new.clear()
                await platform.show(self.target(job), newest)

        task = asyncio.create_task(show())
        try:
            yield on_text
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
