"""The inbox: platforms hand messages in here, and ask here for what they show."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import structlog

from core import metrics
from core.commands import load_command
from core.commands.arguments import ArgumentInput
from core.glossary.apply import apply_to
from core.interfaces import Platform
from core.models import (
    Chat,
    ChatSettings,
    Conversation,
    Job,
    Message,
    SpeechSettings,
    Suggestion,
    Transcript,
)
from core.operations.status import OperatorStatus
from core.routing import pick_command
from core.store import Store
from core.synthesis.pipeline import SynthesisPipeline

log = structlog.get_logger()


class Inbox:
    """What every platform is built with. It commits messages and looks up what is stored."""

    def __init__(self, store: Store, synthesis: SynthesisPipeline, status: OperatorStatus) -> None:
        self._store = store
        self._synthesis = synthesis
        #: What the operator's view shows.
        self.status = status
        #: Name -> platform. Filled in later, since platforms are built with the inbox.
        self.platforms: Mapping[str, Platform] = {}
        #: Called whenever a job was added.
        self.on_job: Callable[[], None] = lambda: None

    async def accept(self, message: Message, data: bytes | None = None) -> Job | None:
        """Commit `message` and the job it asks for; only then may the platform acknowledge it.

        data: the recording itself, where the platform will not keep it for us.
        Returns None if the message is already known or asks for nothing.
        """
        job = await self._store.intake.add(message, self._pick, data)
        result = "job" if job else "passed"
        metrics.MESSAGES.labels(message.chat.platform, result).inc()
        if job:
            log.info("accepted", job=job.job_id, command=job.command)
            self.on_job()
        return job

    def _pick(self, message: Message, settings: ChatSettings) -> str | None:
        """Return the command that answers a message; plain text may be read aloud."""
        command = pick_command(message, settings)
        platform = self.platforms.get(message.chat.platform)
        channels = platform.voice if platform else None
        is_plain = message.text and not (message.command or message.attachment or message.edit_id)
        if command is None and is_plain and channels and channels.is_read(message):
            return "read_out"
        return command

    async def move_chat(self, platform: str, bot_id: str, old_id: str, new_id: str) -> None:
        """Move settings, jobs and history of a chat that got a new id. Safe to repeat."""
        old, new = Chat(platform, bot_id, old_id), Chat(platform, bot_id, new_id)
        await self._store.chats.move(old, new)

    async def forget(self, chat: Chat, message_id: str) -> None:
        """Drop what is remembered of a message that was deleted. Safe to repeat."""
        await self._store.memory.forget(chat, message_id)

    async def note_no_voice(self, chat: Chat) -> None:
        """Remember that the chat refuses voice messages: for a while it gets audio files."""
        await self._store.chats.note_no_voice(chat)

    async def save_watermarks(self, platform: str, bot_id: str, seen: Mapping[str, str]) -> None:
        """Save the newest message handled in each chat: chat id -> message id.

        For platforms that never deliver a message twice: after an interruption they fetch
        what came later.
        """
        await self._store.chats.save_watermarks(platform, bot_id, seen)

    async def watermarks(self, platform: str, bot_id: str) -> dict[str, str]:
        """Return the saved watermarks: chat id -> message id."""
        return await self._store.chats.watermarks(platform, bot_id)

    async def suggest(self, message: Message, field: str) -> list[Suggestion]:
        """Return suggestions for an argument of a command that is being typed.

        message: has the command, and as text what the field holds so far.
        """
        arguments = load_command(message.command).arguments
        suggest = next((one.suggest for one in arguments if one.name == field), None)
        return (
            await suggest(ArgumentInput(message, self._synthesis, self._store)) if suggest else []
        )

    async def recent(self, chat: Chat, limit: int) -> list[Job]:
        """Return the last jobs of a chat with their messages and replies, the newest last."""
        return (await self._store.jobs.history(chat, limit))[::-1]

    async def job(self, chat: Chat, job_id: str) -> Job | None:
        """Return one job of this chat, None if it has none of that id."""
        found = await self._store.jobs.find(job_id)
        return found if found and found.message.chat == chat else None

    async def blob(self, chat: Chat, message_id: str) -> bytes | None:
        """Return the recording handed in with a message, None once it is no longer kept."""
        return await self._store.intake.blob(chat, message_id)

    async def transcript(self, job: Job) -> Transcript | None:
        """Return the transcript that the reply of `job` rests on, None if it is not kept."""
        key = job.reply.heard_key if job.reply else ""
        found = await self._store.results.find(key) if key else None
        return apply_to(found, job.settings.talk.glossary) if found else None

    async def conversations(self, person: Chat) -> list[Conversation]:
        """Return the chats whose id is that of `person`, or begins with it and a "-".

        The most recently used one comes first; empty ones are left out.
        """
        return await self._store.chats.conversations(person)

    async def begin(self, chat: Chat, like: Chat) -> None:
        """Give a new chat the settings of another one. Safe to repeat."""
        await self._store.chats.begin(chat, like)

    async def choices(self, chat: Chat, person_id: str) -> tuple[ChatSettings, SpeechSettings]:
        """Return the settings of a chat and of a person; the voice as `suggest` names it."""
        mine = await self._store.voices.choice(chat.platform, person_id)
        presets = self._synthesis.synthesizer.voices()
        voice = next((one.name for one in presets if one.voice_id == mine.voice), mine.voice)
        return await self._store.chats.settings(chat), replace(mine, voice=voice)

    async def retry(self, job_id: str) -> bool:
        """Run a dead letter again at once. Return False if there is none of that id."""
        is_found = await self._store.jobs.retry(job_id)
        if is_found:
            self.on_job()
        return is_found

    def readiness(self) -> dict[str, bool]:
        """Return whether each platform can take messages in, by name."""
        return {name: platform.is_ready for name, platform in self.platforms.items()}
