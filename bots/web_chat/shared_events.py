"""Events for open pages, where several processes share a database: any of them may serve a page.

Each event is shown on the pages of this process at once, and goes to the others through the
database, which must not read it. They get of a long partial text the end. That a reply is there is
all they are told about it: they read it where it is saved.

Streamed audio stays within its process: the pieces of a minute would be hundreds of events, through
a queue that all processes share. Other pages play the reply, which has all of it, once it is there.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import structlog

from bots.web_chat.events import Events
from bots.web_chat.wire import build_reply
from core.clock import CLOCK, Clock
from core.errors import ConfigError, StoreError
from core.models import PAGE, PAGE_BOT, Chat, Job
from core.store.events import GAP
from core.store.events import Events as StoreEvents

#: The kind of event. Its fields: sender, TEXT, REPLY or END, chat, message, and the partial text.
KIND = "page"
TEXT, REPLY, END = "text", "reply", "end"
#: Shortest interval between two partial texts of a message: each is a transaction.
PACE_S = 0.1
#: Pause after the database has failed.
RETRY_S = 1.0

FindJob = Callable[[Chat, str], Awaitable[Job | None]]
log = structlog.get_logger()


class SharedEvents(Events):
    """The open pages of every chat, those of other processes included."""

    def __init__(self, shared: StoreEvents, find_job: FindJob, clock: Clock = CLOCK) -> None:
        """find_job: returns the job of a message, whose reply is saved."""
        super().__init__()
        self._shared, self._find_job, self._clock = shared, find_job, clock
        #: Tells this process from all others.
        self._name = secrets.token_hex(8)
        #: By chat and message: what others were not told yet. A newer event replaces an older one.
        self._waiting: dict[tuple[str, str], tuple[str, str]] = {}
        self._is_waiting, self._is_urgent = asyncio.Event(), asyncio.Event()
        self._reading: set[asyncio.Task[None]] = set()

    def listen(self) -> None:
        """Show what other processes tell, from now on. Called once, where pages are served."""
        self._shared.subscribe(KIND, self._receive)
        self._shared.subscribe(GAP, lambda _: self.doubt())

    async def run(self) -> None:
        """Tell other processes what happens here, until cancelled."""
        while True:
            await self._is_waiting.wait()
            pause_s = PACE_S if await self.flush() else RETRY_S
            await self._clock.wait_for(self._is_urgent, pause_s)

    async def flush(self) -> bool:
        """Tell other processes all that they were not told yet. Return False if that fails."""
        self._is_waiting.clear()
        self._is_urgent.clear()
        while self._waiting:
            chat_id, message_id = key = next(iter(self._waiting))
            what, text = event = self._waiting.pop(key)
            sealed = self._shared.seal(self._name, what, chat_id, message_id, text=text)
            try:
                await self._shared.publish(KIND, sealed)
            except StoreError as error:
                log.warning("pages of other processes wait", error=type(error).__name__)
                self._waiting.setdefault(key, event)
                self._is_waiting.set()
                return False
        return True

    async def stop(self) -> None:
        """Tell the last events: replies are delivered until the end."""
        await self.flush()
        for task in self._reading:
            task.cancel()
        await asyncio.gather(*self._reading, return_exceptions=True)

    def end(self, person: Chat) -> None:
        """End the connections of all pages of a person, whichever process serves them."""
        super().end(person)
        self._tell(person, "", END)

    def show(self, chat: Chat, message_id: str, text: str) -> None:
        """Send partial text to the chat's pages, whichever process serves them."""
        super().show(chat, message_id, text)
        self._tell(chat, message_id, TEXT, text)

    def finish(self, chat: Chat, message_id: str, reply: dict[str, Any]) -> None:
        """Send the reply to the chat's pages. It is saved already: others read it there."""
        super().finish(chat, message_id, reply)
        self._tell(chat, message_id, REPLY)

    def _tell(self, chat: Chat, message_id: str, what: str, text: str = "") -> None:
        self._waiting[chat.chat_id, message_id] = what, text
        self._is_waiting.set()
        if what != TEXT:
            self._is_urgent.set()

    def _receive(self, sealed: str) -> None:
        try:
            name, what, chat_id, message_id, text = self._shared.unseal(sealed)
        except ConfigError:
            log.warning("an event was encrypted with another key")
            return
        chat = Chat(PAGE, PAGE_BOT, chat_id)
        if name == self._name:
            return
        if what == TEXT:
            super().show(chat, message_id, text)
        elif what == END:
            super().end(chat)
        else:
            task = asyncio.create_task(self._read(chat, message_id))
            self._reading.add(task)
            task.add_done_callback(self._reading.discard)

    async def _read(self, chat: Chat, message_id: str) -> None:
        """Show the reply that another process has delivered. One that is missed is polled for."""
        self.forget(chat, message_id)
        with suppress(StoreError):
            job = await self._find_job(chat, message_id) if self.has_pages(chat) else None
            if job and job.reply:
                super().finish(chat, message_id, build_reply(job.job_id, job.reply))
