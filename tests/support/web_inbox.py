"""In-memory inbox for the web chat that replies after a partial text."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime

from bots.web_chat import WebChat
from core.config import Settings
from core.errors import AssistantError
from core.interfaces import DeliveryTarget, Recording
from core.models import (
    Button,
    Chat,
    ChatSettings,
    Conversation,
    File,
    Job,
    JobState,
    Message,
    Reply,
    Segment,
    SpeechSettings,
    Transcript,
)
from core.operations.status import OperatorStatus
from tests.support import fake_inbox
from tests.support.fake_inbox import MemoryLedger as MemoryLedger
from tests.support.virtual_time import current_clock

#: Longer than the interval of events, so that the partial text is an event of its own.
PARTIAL_S = 0.2
HOSTILE_NAME = '../../etc/pass\r\nwd\u202etxt."a";b.txt'


#: The transcript of every recording.
TRANSCRIPT = Transcript(
    "The stale smell of old beer lingers.",
    (Segment(0.0, 1.2, "The stale smell"), Segment(1.5, 3.0, "of old beer lingers.")),
)


class FakeInbox(fake_inbox.FakeInbox):
    """In-memory inbox that runs jobs at once unless `is_answering` is off."""

    has_voices = True
    #: Set by tests of the operator's view.
    status: OperatorStatus

    def __init__(self) -> None:
        super().__init__()
        self.jobs: dict[tuple[Chat, str], Job] = {}
        self.recordings: dict[tuple[Chat, str], Recording] = {}
        self.is_answering = True
        #: Clear these to hold the reply before its start or before its end.
        self.may_start, self.may_finish = asyncio.Event(), asyncio.Event()
        self.may_start.set()
        self.may_finish.set()
        self.is_mended = False
        self.error: AssistantError | None = None
        self.settings, self.speech = ChatSettings(), SpeechSettings()
        self.heard = TRANSCRIPT
        #: New chat -> the chat whose settings it copied.
        self.begun: dict[Chat, Chat] = {}
        self.parts = {"web": True, "jobs": True}
        self.engine_faults: dict[str, str] = {}
        self.web: WebChat
        self._tasks: set[asyncio.Task[None]] = set()

    async def accept(self, message: Message, recording: Recording | None = None) -> Job | None:
        if self.error:
            raise self.error
        key = message.chat, message.message_id
        if key in self.jobs:
            return None
        if recording is not None:
            self.recordings[key] = recording
        job_id = hashlib.sha256(repr(key).encode()).hexdigest()[:10]
        now = current_clock().now()
        job = Job(job_id, message, message.command or "transcribe", JobState.WAITING, 0, now, now)
        self.jobs[key] = job
        if self.is_answering:
            self._start(job)
        return job

    async def retry(self, job_id: str) -> bool:
        return False

    async def forget(self, chat: Chat, *message_ids: str) -> list[Job]:
        found = (self.jobs.pop((chat, message_id), None) for message_id in message_ids)
        return [job for job in found if job]

    async def recent(self, chat: Chat, limit: int, before: str = "") -> list[Job]:
        mine = [job for (owner, _), job in self.jobs.items() if owner == chat]
        ids = [job.job_id for job in mine]
        return mine[: ids.index(before) if before else None][-limit:]

    async def job_of(self, chat: Chat, message_id: str) -> Job | None:
        return self.jobs.get((chat, message_id))

    async def find_recording(self, chat: Chat, message_id: str) -> Recording | None:
        return self.recordings.get((chat, message_id))

    async def conversations(
        self, person: Chat, limit: int, before: datetime | None = None
    ) -> list[Conversation]:
        found: dict[Chat, Conversation] = {}
        for (chat, _), job in self.jobs.items():
            if chat.chat_id.partition("-")[0] == person.chat_id:
                first = found[chat].first if chat in found else job
                found[chat] = Conversation(chat, first, job.created_at)
        mine = [one for one in found.values() if not before or one.last_at < before]
        return sorted(mine, key=lambda one: one.last_at, reverse=True)[:limit]

    async def conversation(self, chat: Chat) -> list[Conversation]:
        person = replace(chat, chat_id=chat.chat_id.partition("-")[0])
        found = await self.conversations(person, len(self.jobs))
        return [one for one in found if one.chat == chat]

    async def begin(self, chat: Chat, like: Chat) -> None:
        self.begun[chat] = like

    async def choices(self, chat: Chat, person_id: str) -> tuple[ChatSettings, SpeechSettings]:
        return self.settings, self.speech

    async def job(self, chat: Chat, job_id: str) -> Job | None:
        mine = (job for (owner, _), job in self.jobs.items() if owner == chat)
        return next((job for job in mine if job.job_id == job_id), None)

    async def transcript(self, job: Job) -> Transcript | None:
        return self.heard if job.message.attachment else None

    def readiness(self) -> dict[str, bool]:
        return self.parts

    def platform_states(self) -> dict[str, bool]:
        return self.parts

    async def check_health(self) -> dict[str, str]:
        return {name: "" if ok else "away" for name, ok in self.parts.items()} | self.engine_faults

    async def refresh_metrics(self) -> None:
        pass

    def _run_dead_again(self) -> None:
        for key, job in self.jobs.items():
            if job.state is JobState.DEAD:
                self.jobs[key] = replace(job, state=JobState.WAITING, reply=None)
                self._start(self.jobs[key])

    def _start(self, job: Job) -> None:
        task = asyncio.create_task(self._answer(job))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, job: Job) -> None:
        message = job.message
        target = DeliveryTarget(job.job_id, message, MemoryLedger())
        await self.may_start.wait()
        state, reply = JobState.DONE, await self._make_reply(message, target)
        if message.command == "fail" and not self.is_mended:
            state = JobState.DEAD
        job = replace(job, state=state, reply=reply)
        self.jobs[message.chat, message.message_id] = job
        await self.web.deliver(target, reply)

    async def _make_reply(self, message: Message, target: DeliveryTarget) -> Reply:
        if message.command == "fail" and not self.is_mended:
            again = Button("Retry", "retry", token="t-retry")
            return Reply("Something went wrong on my side. Reference: 012345.", buttons=(again,))
        if message.button == "t-retry":
            self.is_mended = True
            self._run_dead_again()
            return Reply()
        if message.button:
            return Reply(text=f"You pressed {message.button}.")
        if not message.attachment:
            return Reply(text=f"command={message.command} text={message.text}")
        sound = await self.web.fetch(message)
        await self.web.show(target, "The stale smell of")
        await asyncio.sleep(PARTIAL_S)
        await self.may_finish.wait()
        return Reply(
            text=f"Heard {len(sound)} bytes",
            quote="The stale smell of old beer lingers.",
            files=(
                File("transcript.txt", "text/plain", "The stale smell – 陈旧".encode()),
                File(HOSTILE_NAME, "text/html", b"<script>alert(1)</script>"),
            ),
            buttons=(Button("Summary", "summary", token="t-summary"),),
            heard_key="heard",
        )

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@asynccontextmanager
async def open_web(settings: Settings, inbox: FakeInbox) -> AsyncIterator[WebChat]:
    """Run the web chat on `inbox`."""
    web = WebChat(settings, inbox, current_clock())
    inbox.web = web
    running = asyncio.create_task(web.run())
    await asyncio.wait_for(web.is_open.wait(), 5)
    try:
        yield web
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await inbox.close()
