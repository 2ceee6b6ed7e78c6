"""In-memory inbox and delivery ledger, for tests of all platforms."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from unittest.mock import Mock

from core.admission import Decisions
from core.config import Settings
from core.inbox import Inbox
from core.interfaces import Recording
from core.models import Chat, DeliveryState, File, Job, JobState, Message, PartDelivery, Suggestion
from core.operations.ownership import Ownership
from core.store.events import Events
from core.store.people.web_sessions import WebSessions
from tests.support.virtual_time import current_clock


class MemoryLedger:
    """In-memory delivery ledger."""

    def __init__(self) -> None:
        self.rows: dict[int, PartDelivery] = {}
        #: How long a commit takes.
        self.commit_s = 0.0

    async def refresh(self) -> None:
        pass

    def expect(self, count: int) -> None:
        pass

    async def find(self, part: int) -> PartDelivery | None:
        return self.rows.get(part)

    async def wait_for(self, part: int) -> PartDelivery | None:
        return await self.find(part)

    async def has_reply(self) -> bool:
        return 0 in self.rows

    async def start(self, part: int) -> None:
        known = self.rows.get(part)
        if known is None or known.state is DeliveryState.STALE:
            platform_id = known.platform_id if known else ""
            self.rows[part] = PartDelivery(part, DeliveryState.PENDING, platform_id)

    async def finish(self, part: int, platform_id: str) -> None:
        await current_clock().sleep(self.commit_s)
        self.rows[part] = PartDelivery(part, DeliveryState.SENT, platform_id)

    async def forget(self, part: int) -> None:
        self.rows.pop(part, None)

    def outdate(self) -> None:
        """Mark all parts stale, as the store does when a sent reply is replaced."""
        self.rows = {n: replace(row, state=DeliveryState.STALE) for n, row in self.rows.items()}

    def ids(self) -> dict[int, str]:
        return {part: row.platform_id for part, row in self.rows.items()}


class MemoryRecording:
    """In-memory pieces of a large recording."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []

    def __len__(self) -> int:
        return sum(map(len, self.pieces))

    async def append(self, piece: bytes) -> None:
        self.pieces.append(piece)

    async def chunks(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            yield piece


class FirstKeys(WebSessions):
    """Sessions of browsers that are never renewed."""

    def __init__(self) -> None:
        """Store nothing."""

    async def find_person(self, key: str) -> str:
        return hashlib.sha256(key.encode()).hexdigest()[:32]

    async def renew(self, key: str, *, is_over: bool) -> str:
        return key


@dataclass
class FakeInbox(Inbox):
    """In-memory inbox: each message once, with a job unless it is group talk."""

    messages: list[Message] = field(default_factory=list)
    #: Those that opened a form.
    openers: list[Message] = field(default_factory=list)
    without_voice: list[Chat] = field(default_factory=list)
    #: Raised by the next calls of `accept`, in order.
    failures: list[Exception] = field(default_factory=list)
    tries: int = 0
    #: How many recordings were larger than a piece.
    begun_recordings: int = 0
    decisions: Decisions = field(default_factory=dict)
    web_sessions: WebSessions = field(default_factory=FirstKeys)
    #: Of a database that no other process uses.
    events: Events = field(default_factory=lambda: Events(Mock(is_shared=False)))
    ownership: Ownership = field(default_factory=lambda: Ownership(Mock(is_shared=False)))

    async def accept(self, message: Message, recording: Recording | None = None) -> Job | None:
        self.tries += 1
        if self.failures:
            raise self.failures.pop(0)
        key = (message.chat, message.message_id, message.edit_id)
        if any(key == (m.chat, m.message_id, m.edit_id) for m in self.messages):
            return None
        self.messages.append(message)
        return make_job(message) if self.is_asked(message) else None

    def count_sends(self, bot: str) -> None:
        """Return None: no other process sends anything."""

    async def open_form(self, message: Message) -> None:
        self.openers.append(message)

    def is_asked(self, message: Message) -> bool:
        return message.is_private or bool(message.command)

    async def move_chat(self, platform: str, bot_id: str, old_id: str, new_id: str) -> None:
        raise AssertionError("this platform keeps chat ids")

    async def forget(self, chat: Chat, *message_ids: str) -> list[Job]:
        raise AssertionError("this platform reports no deletions")

    async def save_watermarks(
        self, platform: str, bot_id: str, seen: Mapping[str, str], private: Collection[str] = ()
    ) -> None:
        raise AssertionError("this platform redelivers unacknowledged messages")

    async def find_private(self, platform: str, bot_id: str) -> set[str]:
        return set()

    async def watermarks(self, platform: str, bot_id: str) -> dict[str, str]:
        return {}

    async def note_no_voice(self, chat: Chat) -> None:
        self.without_voice.append(chat)

    async def job_of(self, chat: Chat, message_id: str) -> Job | None:
        known = (one for one in self.messages if (one.chat, one.message_id) == (chat, message_id))
        return next(map(make_job, known), None)

    async def recent(self, chat: Chat, limit: int, before: str = "") -> list[Job]:
        return []

    async def suggest(self, message: Message, field: str) -> list[Suggestion]:
        return []

    async def find_recording(self, chat: Chat, message_id: str) -> Recording | None:
        return None

    async def load_file(self, file: File) -> File | None:
        return file

    def begin_recording(self) -> MemoryRecording:
        self.begun_recordings += 1
        return MemoryRecording()

    def readiness(self) -> dict[str, bool]:
        return {}

    def texts(self) -> list[str]:
        return [message.text for message in self.messages]


def make_job(message: Message) -> Job:
    now = current_clock().now()
    return Job("00000000aa", message, "transcribe", JobState.WAITING, 0, now, now)


def make_settings(**values: Any) -> Settings:
    """Return settings from `values` alone, without environment and .env."""
    return Settings(_env_file=None, **values)  # type: ignore[call-arg]
