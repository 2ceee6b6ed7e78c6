"""A group and a private chat that run through the whole program."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from core.models import Attachment, Job, QuotedMessage, Reply, Turn
from core.store import Store
from tests.conftest import NewMessage
from tests.support.group_talk import Group, group_on
from tests.support.loopback import Loopback, ScriptedAnswerer, run_loopback

NOTE = QuotedMessage("voice-1", "", Attachment("file-1", duration_s=1.1))


@pytest.fixture
async def group(store: Store) -> AsyncIterator[Group]:
    async with group_on(store) as group:
        yield group


class Talk:
    """A private chat with the program."""

    def __init__(self, loopback: Loopback, new: NewMessage) -> None:
        self.loopback, self.new = loopback, new
        self.answerer: ScriptedAnswerer = loopback.answerer

    async def send(self, **changes: Any) -> Reply:
        """Send a message, wait for the reply and return it."""
        await self.post(**changes)
        return self.last

    async def post(self, **changes: Any) -> Job:
        changes.setdefault("attachment", None)
        job = await self.loopback.inbox.accept(self.new(**changes))
        assert job is not None
        await self.loopback.settle()
        return job

    async def follow(self, text: str = "", **changes: Any) -> Reply:
        """Reply to the last reply."""
        quoted = QuotedMessage(f"sent-{len(self.loopback.platform.sent)}", self.last.text)
        return await self.send(text=text, reply_to=quoted, **changes)

    @property
    def last(self) -> Reply:
        return self.loopback.platform.sent[-1][1]

    @property
    def turns(self) -> tuple[Turn, ...]:
        """The turns of the last question to the engine."""
        return self.answerer.questions[-1].turns


@pytest.fixture
async def talk(store: Store, new_message: NewMessage) -> AsyncIterator[Talk]:
    async with run_loopback(store) as loopback:
        yield Talk(loopback, new_message)
