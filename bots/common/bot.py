"""Base class of the bots that use a platform's SDK: access, background tasks, shutdown."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Coroutine
from typing import Any, ClassVar, Protocol

import structlog

from core.clock import Clock
from core.commands import load_command
from core.config import Settings
from core.errors import AssistantError
from core.inbox import Inbox
from core.interfaces import VoiceChannels
from core.models import Job, Message

log = structlog.get_logger(__name__)


class Closable(Protocol):
    """A part of a bot that holds connections or tasks."""

    async def close(self) -> None:
        """Release them."""


class ChatBot(ABC):
    """What is the same in every bot; a subclass adds the rest of `core.interfaces.Platform`."""

    name: ClassVar[str]
    #: Errors of the SDK: a background task may end with one, as with an AssistantError.
    sdk_errors: ClassVar[tuple[type[BaseException], ...]]
    #: Returns what may be logged of an error: the SDK's text can hold the bot's token.
    describe: ClassVar[staticmethod[[BaseException], str]]
    #: None where bots cannot join voice channels.
    voice: VoiceChannels | None = None

    def __init__(self, settings: Settings, inbox: Inbox, clock: Clock) -> None:
        self._inbox = inbox
        self._clock = clock
        self._allowed_ids = frozenset(settings.allowed_chats)
        self._background: set[asyncio.Task[None]] = set()
        #: Closed in this order, after the background tasks.
        self._parts: tuple[Closable, ...] = ()

    async def close(self) -> None:
        """Cancel the background tasks and close the connections."""
        tasks = list(self._background)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for part in self._parts:
            await part.close()

    @abstractmethod
    async def acknowledge(self, message: Message) -> None:
        """Show the sender that a recording was received."""

    async def accept(self, message: Message) -> Job | None:
        """Commit a message; acknowledge a recording that gets a reply.

        Raises what `Inbox.accept` raises.
        """
        job = await self._inbox.accept(message)
        has_recording = message.attachment or (message.reply_to and message.reply_to.attachment)
        # Apps show by themselves that a button was pressed or a slash command was sent.
        is_interaction = message.button or message.reply_token
        if job and has_recording and not is_interaction and not load_command(job.command).is_silent:
            self.start_task(self.acknowledge(message))
        return job

    def is_allowed(self, message: Message, guild_id: str = "") -> bool:
        """Return whether ALLOWED_CHATS is empty or names the chat, its server or the sender."""
        ids = {message.chat.chat_id, message.sender_id, guild_id}
        if not self._allowed_ids or self._allowed_ids & ids:
            return True
        log.debug(f"{self.name}_chat_not_allowed", message_id=message.message_id)
        return False

    def start_task(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run `work` in the background until `close`; a failure is only logged."""
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._finish_task)
        return task

    def _finish_task(self, task: asyncio.Task[None]) -> None:
        self._background.discard(task)
        if task.cancelled() or not (error := task.exception()):
            return
        if isinstance(error, (*self.sdk_errors, AssistantError)):
            log.warning(f"{self.name}_task_failed", detail=type(self).describe(error))
        else:
            log.error(f"{self.name}_task_crashed", exc_info=error)
