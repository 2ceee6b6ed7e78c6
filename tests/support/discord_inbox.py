"""A fake inbox for the Discord bot, with messages and delivery targets."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from core.interfaces import DeliveryTarget, Recording
from core.models import Attachment, Chat, Job, Message, Suggestion
from tests.support import fake_inbox
from tests.support.fake_inbox import MemoryLedger as MemoryLedger
from tests.support.fake_inbox import make_job as make_job
from tests.support.fake_inbox import make_settings as make_settings
from tests.support.virtual_time import current_clock


@dataclass
class FakeInbox(fake_inbox.FakeInbox):
    """An inbox that records deletions and watermarks."""

    forgotten: list[tuple[str, str]] = field(default_factory=list)
    #: Give these to another bot's inbox to simulate a restart.
    saved_watermarks: dict[str, str] = field(default_factory=dict)
    #: Those of them that are known not to be private.
    saved_public: set[str] = field(default_factory=set)

    def is_asked(self, message: Message) -> bool:
        return super().is_asked(message) or message.attachment is not None

    async def forget(self, chat: Chat, *message_ids: str) -> list[Job]:
        self.forgotten += [(chat.chat_id, message_id) for message_id in message_ids]
        return []

    async def save_watermarks(
        self, platform: str, bot_id: str, seen: Mapping[str, str], private: Collection[str] = ()
    ) -> None:
        assert platform == "discord" and bot_id
        self.saved_watermarks |= seen
        self.saved_public |= seen.keys() - set(private)

    async def find_private(self, platform: str, bot_id: str) -> set[str]:
        return self.saved_watermarks.keys() - self.saved_public

    async def watermarks(self, platform: str, bot_id: str) -> dict[str, str]:
        return dict(self.saved_watermarks)


class OpenInbox(FakeInbox):
    """An inbox that makes a job for each new message, once it may."""

    def __init__(self) -> None:
        super().__init__()
        self.may_accept = asyncio.Event()
        self.may_accept.set()

    async def accept(self, message: Message, recording: Recording | None = None) -> Job | None:
        if not self.may_accept.is_set():
            self.tries += 1
            await self.may_accept.wait()
        return await super().accept(message, recording)

    def is_asked(self, message: Message) -> bool:
        return True

    async def suggest(self, message: Message, field: str) -> list[Suggestion]:
        if self.failures:
            raise self.failures.pop(0)
        return [Suggestion(f"{message.command} {field}"), Suggestion("cold")]


def make_message(chat_id: str, message_id: str = "1", **fields: Any) -> Message:
    """Return a private voice message, changed by `fields`."""
    values: dict[str, Any] = {
        "sent_at": current_clock().now(),
        "sender_id": "42",
        "attachment": Attachment(f"{chat_id}/{message_id}/7", duration_s=3.0),
    } | fields
    return Message(Chat("discord", "1", chat_id), message_id, **values)


def make_target(
    message: Message, job_id: str = "0123456789"
) -> tuple[DeliveryTarget, MemoryLedger]:
    ledger = MemoryLedger()
    return DeliveryTarget(job_id, message, ledger), ledger
