"""Inboxes, messages, targets and settings for tests of Telegram."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from bots.telegram_bot.bot import TelegramBot
from core import metrics
from core.commands import pick_command
from core.config import Settings
from core.interfaces import DeliveryTarget, Recording
from core.models import Attachment, Chat, Job, JobState, Message, Reply
from core.store import Store
from tests.emulators.telegram import Message as Shown
from tests.emulators.telegram import TelegramServer
from tests.support import fake_inbox
from tests.support.fake_inbox import MemoryLedger as MemoryLedger
from tests.support.fake_inbox import make_job as make_job
from tests.support.fake_inbox import make_settings as make_settings
from tests.support.virtual_time import current_clock

VOICE = Attachment("file-1", duration_s=3.0)


@dataclass
class FakeInbox(fake_inbox.FakeInbox):
    """An in-memory inbox that records changes of chat ids."""

    moves: list[tuple[str, str]] = field(default_factory=list)

    async def move_chat(self, platform: str, bot_id: str, old_id: str, new_id: str) -> None:
        assert (platform, bot_id) == ("telegram", "123456")
        if (old_id, new_id) not in self.moves:
            self.moves.append((old_id, new_id))


def make_message(chat_id: int, message_id: int | str = 1, **fields: Any) -> Message:
    """Return a message as read from an update: private if the chat is a person's."""
    values: dict[str, Any] = {
        "sent_at": current_clock().now(),
        "sender_id": str(abs(chat_id)),
        "is_private": chat_id > 0,
        "attachment": VOICE,
    } | fields
    return Message(Chat("telegram", "123456", str(chat_id)), str(message_id), **values)


def make_target(
    chat_id: int, message_id: int | str = 1, job_id: str = "0123456789", **fields: Any
) -> tuple[DeliveryTarget, MemoryLedger]:
    ledger = MemoryLedger()
    return DeliveryTarget(job_id, make_message(chat_id, message_id, **fields), ledger), ledger


def settings_for(telegram: TelegramServer, **values: Any) -> Settings:
    """Return settings for a bot of this virtual Telegram."""
    addresses = {
        "telegram_api_base_url": telegram.api_base_url,
        "telegram_file_base_url": telegram.file_base_url,
    }
    return make_settings(**{"telegram_bot_token": telegram.token} | addresses | values)


@asynccontextmanager
async def receiving(bot: TelegramBot) -> AsyncIterator[TelegramBot]:
    """Run a bot, and stop it as the program does."""
    task = asyncio.create_task(bot.run())
    try:
        yield bot
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await bot.close()


async def show(bot: TelegramBot, target: DeliveryTarget, *texts: str, **options: bool) -> None:
    """Show partial texts, a minute apart, so that each is sent or dropped before the next."""
    for text in texts:
        await bot.show(target, text, **options)
        await current_clock().sleep(60)


def only(shown: list[Shown]) -> Shown:
    """Return the only message."""
    [message] = shown
    return message


def ambiguous_sends() -> float:
    """Return the count of sends that may have been duplicated."""
    return float(metrics.AMBIGUOUS_SENDS.labels("telegram")._value.get())


class StoreInbox(FakeInbox):
    """An inbox over a real store; the test itself replies to the jobs."""

    def __init__(self, store: Store) -> None:
        super().__init__()
        self.store = store
        self.jobs: list[Job] = []
        self.accepted = 0

    async def accept(self, message: Message, recording: Recording | None = None) -> Job | None:
        job = await self.store.intake.add(message, pick_command, recording)
        if job:
            self.jobs.append(job)
            self.accepted += 1
        return job

    async def move_chat(self, platform: str, bot_id: str, old_id: str, new_id: str) -> None:
        await super().move_chat(platform, bot_id, old_id, new_id)
        await self.store.chats.move(*(Chat(platform, bot_id, one) for one in (old_id, new_id)))

    async def next_job(self, telegram: TelegramServer) -> Job:
        """Wait for a job and return the newest since the last call."""
        await telegram.wait_for(lambda: self.jobs)
        job = self.jobs[-1]
        self.jobs.clear()
        return job

    async def note_no_voice(self, chat: Chat) -> None:
        await self.store.chats.note_no_voice(chat)

    async def answer(self, bot: TelegramBot, job_id: str, reply: Reply | None = None) -> None:
        """Do what the job runner does: save the reply, deliver it, finish the job."""
        if reply is not None:
            await self.store.jobs.save_reply(job_id, reply, JobState.DONE)
        job = await self.store.jobs.find(job_id)
        assert job and job.reply
        await bot.deliver(self.store.deliveries.target(job), job.reply)
        await self.store.jobs.finish(job_id, JobState.DONE)
