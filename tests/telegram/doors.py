"""A door and a ledger in memory, which keep the contracts, and what tests build with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from bots.telegram_bot import TelegramBot
from core.config import Settings
from core.interfaces import Envelope
from core.models import (
    Attachment,
    Chat,
    Delivery,
    DeliveryState,
    Job,
    JobState,
    Message,
    Reply,
    Suggestion,
)
from core.picking import pick_command
from core.store import Store

VOICE = Attachment("file-1", duration_s=3.0)


class MemoryLedger:
    """A ledger in a dict."""

    def __init__(self) -> None:
        self.rows: dict[int, Delivery] = {}

    async def find(self, part: int) -> Delivery | None:
        return self.rows.get(part)

    async def start(self, part: int) -> None:
        known = self.rows.get(part)
        if known is None or known.state is DeliveryState.STALE:
            platform_id = known.platform_id if known else ""
            self.rows[part] = Delivery(part, DeliveryState.PENDING, platform_id)

    async def finish(self, part: int, platform_id: str) -> None:
        self.rows[part] = Delivery(part, DeliveryState.SENT, platform_id)

    async def forget(self, part: int) -> None:
        self.rows.pop(part, None)

    def outdate(self) -> None:
        """Do what the store does when an answer has changed since it was sent."""
        self.rows = {n: replace(row, state=DeliveryState.STALE) for n, row in self.rows.items()}

    def ids(self) -> dict[int, str]:
        return {part: row.platform_id for part, row in self.rows.items()}


@dataclass
class MemoryDoor:
    """A door that keeps each message once and makes a job of each one that is not group talk."""

    messages: list[Message] = field(default_factory=list)
    moves: list[tuple[str, str]] = field(default_factory=list)
    without_voice: list[Chat] = field(default_factory=list)
    #: Raised by the next calls, first one first.
    troubles: list[Exception] = field(default_factory=list)
    tries: int = 0

    async def accept(self, message: Message, data: bytes | None = None) -> Job | None:
        self.tries += 1
        if self.troubles:
            raise self.troubles.pop(0)
        key = (message.chat, message.message_id, message.edit_id)
        if any(key == (m.chat, m.message_id, m.edit_id) for m in self.messages):
            return None
        self.messages.append(message)
        return make_job(message) if message.is_private or message.command else None

    async def move_chat(self, platform: str, bot_id: str, old_id: str, new_id: str) -> None:
        assert (platform, bot_id) == ("telegram", "123456")
        if (old_id, new_id) not in self.moves:
            self.moves.append((old_id, new_id))

    async def forget(self, chat: Chat, message_id: str) -> None:
        raise AssertionError("Telegram tells bots of no deletion")

    async def note_seen(self, platform: str, bot_id: str, seen: Mapping[str, str]) -> None:
        raise AssertionError("this platform shows again what was not acknowledged")

    async def watermarks(self, platform: str, bot_id: str) -> dict[str, str]:
        return {}

    async def suggest(self, message: Message, field: str) -> list[Suggestion]:
        return []

    async def note_no_voice(self, chat: Chat) -> None:
        self.without_voice.append(chat)

    async def recent(self, chat: Chat, limit: int) -> list[Job]:
        return []

    async def blob(self, chat: Chat, message_id: str) -> bytes | None:
        return None

    def readiness(self) -> dict[str, bool]:
        return {}


def make_job(message: Message) -> Job:
    now = datetime.now(UTC)
    return Job("00000000aa", message, "transcribe", JobState.WAITING, 0, now, now)


def make_message(chat_id: int, message_id: int | str = 1, **fields: Any) -> Message:
    """Make a message as intake would: private if the chat is a person's."""
    values: dict[str, Any] = {
        "sent_at": datetime.now(UTC),
        "sender_id": str(abs(chat_id)),
        "is_private": chat_id > 0,
        "attachment": VOICE,
    } | fields
    return Message(Chat("telegram", "123456", str(chat_id)), str(message_id), **values)


def make_envelope(
    chat_id: int, message_id: int | str = 1, job_id: str = "0123456789", **fields: Any
) -> tuple[Envelope, MemoryLedger]:
    ledger = MemoryLedger()
    return Envelope(job_id, make_message(chat_id, message_id, **fields), ledger), ledger


def make_settings(**values: Any) -> Settings:
    return Settings(_env_file=None, **values)  # type: ignore[call-arg]


class StoreDoor(MemoryDoor):
    """A door to a real store, whose jobs a test answers itself."""

    def __init__(self, store: Store) -> None:
        super().__init__()
        self.store = store
        self.jobs: list[Job] = []

    async def accept(self, message: Message, data: bytes | None = None) -> Job | None:
        job = await self.store.intake.add(message, pick_command, data)
        if job:
            self.jobs.append(job)
        return job

    async def note_no_voice(self, chat: Chat) -> None:
        await self.store.chats.note_no_voice(chat)

    async def answer(self, bot: TelegramBot, job_id: str, reply: Reply | None = None) -> None:
        """Do what the worker does: save the reply, deliver it as it is saved, end the job."""
        if reply is not None:
            await self.store.jobs.save_reply(job_id, reply, JobState.DONE)
        job = await self.store.jobs.find(job_id)
        assert job and job.reply
        ledger = self.store.ledger(job_id)
        await bot.deliver(Envelope(job_id, job.message, ledger, job.has_no_voice), job.reply)
        await self.store.jobs.finish(job_id, JobState.DONE)
