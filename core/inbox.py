"""The inbox: commits messages with the jobs that they ask for, and looks up what is stored."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Set
from dataclasses import replace
from datetime import datetime
from functools import partial

import structlog

from core import metrics
from core.admission import Decisions
from core.answering.conversation import find_speaker
from core.commands import find_history, load_command, pick_command
from core.commands.arguments import ArgumentInput
from core.commands.cancel import may_cancel_others, pick_cancelled
from core.commands.deletion import begin_anew, pick_deleted
from core.glossary.apply import apply_to
from core.interfaces import GrowingRecording, Platform, Recording
from core.models import (
    CANCEL_TOKEN,
    Chat,
    ChatSettings,
    Conversation,
    File,
    Job,
    JobState,
    Message,
    Reply,
    SpeechSettings,
    Suggestion,
    Transcript,
)
from core.operations.ownership import Ownership
from core.operations.status import OperatorStatus
from core.store import Store
from core.store.audit import PAGE_OPERATOR
from core.synthesis.pipeline import SynthesisPipeline

#: Why a platform does not work: whether the bot or the platform fails, the log says.
NOT_READY = "no messages are received"

log = structlog.get_logger()


class Inbox:
    """What every platform is built with. It commits messages and looks up what is stored."""

    def __init__(self, store: Store, synthesis: SynthesisPipeline, status: OperatorStatus) -> None:
        self._store = store
        self._synthesis = synthesis
        store.intake.is_silent = lambda command: load_command(command).is_silent
        store.intake.uses_quote = lambda command: load_command(command).uses_quote
        store.forgetting.reads_history = lambda command, message: bool(
            find_history(command, message)
        )
        if store.is_shared:
            store.intake.find_process = self._find_process
        store.intake.needs_introduction = self._needs_introduction
        #: Which person of the web page each browser is.
        self.web_sessions = store.web_sessions
        #: What all processes on the database tell each other.
        self.events = store.events
        #: What the operator's view shows.
        self.status = status
        #: Name -> platform. Filled in later, since platforms are built with the inbox.
        self.platforms: Mapping[str, Platform] = {}
        #: Those whose messages this process receives, None for all; others get replies only.
        self.received: Set[str] | None = None
        #: Returns what other processes receive from, as `readiness` does for this one.
        self.ask_others: Callable[[], Mapping[str, bool]] = dict
        #: What operators have decided about chats and people; it changes while the program runs.
        self.decisions: Decisions = store.admissions.decisions
        #: What this process alone may do, where several share the database.
        self.ownership = Ownership(store)

    def count_sends(self, bot: str) -> Callable[..., Awaitable[float]] | None:
        """Return what counts a bot's messages over all processes, None if there is only one."""
        return partial(self._store.uses.take, bot) if self._store.is_shared else None

    async def accept(self, message: Message, recording: Recording | None = None) -> Job | None:
        """Commit `message` and the job it asks for; only then may the platform acknowledge it.

        recording: the one that it came with, where the platform will not keep it for us.
        Returns None if the message is already known, asks for nothing, or is refused because its
        sender or its chat has too many open jobs, which was told before.
        """
        platform = self.platforms.get(message.chat.platform)
        pick, may_others = pick_command, False
        if platform:
            pick = partial(pick_command, voice=platform.voice, operators=platform.operators)
        if platform and (message.command == "cancel" or message.button.startswith(CANCEL_TOKEN)):
            may_others = await may_cancel_others(platform, message)
        stop = partial(pick_cancelled, may_others)
        job = await self._store.intake.add(message, pick, recording, choose_stopped=stop)
        is_refused = job is not None and job.state is JobState.REFUSED
        result = "refused" if is_refused else "job" if job else "passed"
        metrics.MESSAGES.labels(message.chat.platform, result).inc()
        if job and is_refused:
            log.info("refused", job=job.job_id, command=job.command, error="TooManyOpen")
            return None
        if job:
            log.info("accepted", job=job.job_id, command=job.command)
            if job.command == "cancel":
                self._store.cancellation.on_cancel(job.message.text.split())
            if job.state is JobState.HELD:
                self._store.admissions.on_ask()
        return job

    def _find_process(self, command: str, message: Message) -> str:
        """Return this process if a job may need the voice channel that it is in, or will join."""
        platform = self.platforms.get(message.chat.platform)
        channels = platform.voice if platform else None
        if channels is None or not channels.is_reachable(message):
            return ""
        is_bound = load_command(command).needs_voice_channels or channels.find(message)
        return self._store.process if is_bound else ""

    def _needs_introduction(self, name: str) -> bool:
        platform = self.platforms.get(name)
        return platform is not None and platform.needs_introduction

    async def open_form(self, message: Message) -> None:
        """Commit a message that opens a form: what is typed there comes as another message."""
        await self._store.intake.open_form(message)

    async def move_chat(self, platform: str, bot_id: str, old_id: str, new_id: str) -> None:
        """Move settings, jobs and history of a chat that got a new id. Safe to repeat."""
        old, new = Chat(platform, bot_id, old_id), Chat(platform, bot_id, new_id)
        await self._store.chats.move(old, new)

    async def cancel(self, chat: Chat, choose: Callable[[Job], Reply | None]) -> list[Job]:
        """Cancel open jobs of a chat, at whatever stage they are, and return them.

        choose: returns the reply that a job ends with instead of its own, which also replaces
        what was shown or sent so far: an empty one leaves nothing. None lets the job run.
        Committed when this returns. Safe to repeat.
        """
        cancelled = await self._store.cancellation.cancel(chat, choose)
        if cancelled:
            log.info("cancelled", jobs=[job.job_id for job in cancelled])
        return cancelled

    async def forget(self, chat: Chat, *message_ids: str) -> list[Job]:
        """Drop what is remembered of messages that were deleted, and cancel their jobs.

        What may have read them begins anew. Returns the jobs. Safe to repeat.
        """
        # It goes on if this is cancelled: the job that has found them gone may be among those.
        return await asyncio.shield(asyncio.ensure_future(self._forget(chat, message_ids)))

    async def _forget(self, chat: Chat, message_ids: Collection[str]) -> list[Job]:
        forget = self._store.memory.forget
        was_remembered = [await forget(chat, message_id) for message_id in message_ids]
        cancelled = list[Job]()
        for message_id in message_ids:
            cancelled += await self.cancel(chat, partial(pick_deleted, message_id))
        if any(was_remembered):
            cancelled += await begin_anew(self._store, {chat})
        return cancelled

    async def note_joined(self, chat: Chat, person_ids: Collection[str], language: str) -> None:
        """Let people who joined a chat be told that it keeps a history, if it does. Safe to repeat.

        language: that of the app of one of them, empty if unknown.
        """
        await self._store.newcomers.add(chat, person_ids, language)

    async def note_no_voice(self, chat: Chat) -> None:
        """Remember that the chat refuses voice messages: for a while it gets audio files."""
        await self._store.chats.note_no_voice(chat)

    async def save_watermarks(
        self, platform: str, bot_id: str, seen: Mapping[str, str], private: Collection[str] = ()
    ) -> None:
        """Save the newest message handled in each chat: chat id -> message id.

        private: the chats that are. For platforms that never deliver a message twice: after an
        interruption they fetch what came later.
        """
        await self._store.chats.save_watermarks(platform, bot_id, seen, private)

    async def watermarks(self, platform: str, bot_id: str) -> dict[str, str]:
        """Return the saved watermarks: chat id -> message id."""
        return await self._store.chats.watermarks(platform, bot_id)

    async def find_private(self, platform: str, bot_id: str) -> set[str]:
        """Return those chats with a saved watermark that are private, or may be."""
        return await self._store.chats.find_private(platform, bot_id)

    async def suggest(self, message: Message, field: str) -> list[Suggestion]:
        """Return suggestions for an argument of a command that is being typed.

        message: has the command, and as text what the field holds so far.
        """
        arguments = load_command(message.command).arguments
        suggest = next((one.suggest for one in arguments if one.name == field), None)
        if suggest is None:
            return []
        platform = self.platforms.get(message.chat.platform)
        wording = platform.wording if platform else {}
        return await suggest(ArgumentInput(message, self._synthesis, self._store, wording))

    async def recent(self, chat: Chat, limit: int, before: str = "") -> list[Job]:
        """Return the last jobs of a chat, or the last before one of them, the newest last."""
        return (await self._store.jobs.history(chat, limit, before))[::-1]

    async def job_of(self, chat: Chat, message_id: str) -> Job | None:
        """Return the job of a message of this chat, None if it is unknown."""
        return await self._store.jobs.of_message(chat, message_id)

    async def search(self, person: Chat, words: str, limit: int) -> list[Job]:
        """Return what has all the words, in any chat of a person, the newest first."""
        return await self._store.job_search.find(person, words, limit)

    async def job(self, chat: Chat, job_id: str) -> Job | None:
        """Return one job of this chat, None if it has none of that id."""
        found = await self._store.jobs.find(job_id)
        return found if found and found.message.chat == chat else None

    async def find_recording(self, chat: Chat, message_id: str) -> Recording | None:
        """Return the recording handed in with a message, None once it is no longer kept."""
        return await self._store.recordings.find(chat, message_id)

    async def load_file(self, file: File) -> File | None:
        """Return a file of a saved reply with its content, None if that is gone."""
        return await self._store.files.load(file)

    def begin_recording(self) -> GrowingRecording:
        """Return an empty recording, to be filled and handed in with a message, or dropped."""
        return self._store.recordings.begin()

    async def transcript(self, job: Job) -> Transcript | None:
        """Return the transcript that the reply of `job` rests on, None if it is not kept."""
        key = job.reply.heard_key if job.reply else ""
        found = await self._store.results.find(key) if key else None
        return apply_to(found, job.settings.talk.glossary, find_speaker(job)) if found else None

    async def conversations(
        self, person: Chat, limit: int, before: datetime | None = None
    ) -> list[Conversation]:
        """Return chats whose id is that of `person`, or begins with it and a "-".

        The most recently used one comes first; empty ones are left out.
        before: only those that were last used before this moment.
        """
        return await self._store.chats.conversations(person, limit, before)

    async def conversation(self, chat: Chat) -> list[Conversation]:
        """Return one chat, nothing if it is empty."""
        return await self._store.chats.conversation(chat)

    async def begin(self, chat: Chat, like: Chat) -> None:
        """Give a new chat the settings of another one. Safe to repeat."""
        await self._store.chats.begin(chat, like)

    async def choices(self, chat: Chat, person_id: str) -> tuple[ChatSettings, SpeechSettings]:
        """Return the settings of a chat and of a person; the voice as `suggest` names it."""
        mine = await self._store.voices.choice(chat.platform, person_id)
        presets = self._synthesis.synthesizer.voices()
        voice = next((one.name for one in presets if one.voice_id == mine.voice), mine.voice)
        return await self._store.chats.settings(chat), replace(mine, voice=voice)

    @property
    def has_voices(self) -> bool:
        """Whether texts can be read aloud on this machine."""
        return bool(self._synthesis.synthesizer.voices())

    async def retry(self, job_id: str) -> bool:
        """Run a dead letter again, for the operator. Return False if there is none of that id."""
        return await self._store.jobs.retry(job_id, PAGE_OPERATOR)

    def readiness(self) -> dict[str, bool]:
        """Return whether each platform that this process receives from can take messages in."""
        received = self.platforms.keys() if self.received is None else self.received
        return {name: one.is_ready for name, one in self.platforms.items() if name in received}

    def platform_states(self) -> dict[str, bool]:
        """Return whether messages can be received from each platform, by any process."""
        nobody = dict.fromkeys(self.platforms, False)
        return nobody | dict(self.ask_others()) | self.readiness()

    async def check_health(self) -> dict[str, str]:
        """Return each part of this process, and why it does not work: empty if it does."""
        platforms = {name: "" if ok else NOT_READY for name, ok in self.readiness().items()}
        return platforms | await self.status.health.check()

    async def refresh_metrics(self) -> None:
        """Read anew what metrics say of the queue, the disk and the parts of this process."""
        await self.status.gauges.refresh(self.check_health)
