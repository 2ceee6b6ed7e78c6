"""Conversations in a group, run through the loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import count
from typing import Any

from core.models import (
    Attachment,
    Chat,
    Message,
    QuotedMessage,
    RememberedMessage,
    Reply,
    TalkRange,
)
from core.store import Store
from tests.support.loopback import Loopback, run_loopback
from tests.support.virtual_time import current_clock

ADA, BEN, EVE = "7", "8", "9"
NAMES = {ADA: "Ada", BEN: "Ben", EVE: "Eve"}
#: Message ids are unique over all groups.
_GROUPS = count(1)
GROUP = Chat("test", "1", "-100")


class Group:
    """A group or private chat with the bot."""

    def __init__(self, loopback: Loopback, chat: Chat = GROUP, *, is_private: bool = False) -> None:
        self.loopback, self.chat, self.is_private = loopback, chat, is_private
        self._ids = count(1000 * next(_GROUPS))

    def write(self, sender_id: str = ADA, **changes: Any) -> Message:
        """Return the next message."""
        return self.write_as(sender_id, NAMES[sender_id], **changes)

    def write_as(self, sender_id: str, name: str, **changes: Any) -> Message:
        """Return the next message of a person who is none of the above."""
        message = Message(
            self.chat,
            str(next(self._ids)),
            current_clock().now(),
            sender_id=sender_id,
            sender_name=name,
            is_private=self.is_private,
        )
        return replace(message, **changes)

    async def send(self, message: Message) -> Message:
        """Accept a message and wait until its job has ended."""
        await self.loopback.inbox.accept(message)
        await self.loopback.settle()
        return message

    async def say(self, text: str, sender_id: str = ADA, **changes: Any) -> Message:
        return await self.send(self.write(sender_id, text=text, **changes))

    async def speak(self, sender_id: str = ADA, **changes: Any) -> Message:
        changes.setdefault("attachment", Attachment("file-1", duration_s=3.0))
        return await self.send(self.write(sender_id, **changes))

    async def ask(self, command: str, sender_id: str = ADA, **changes: Any) -> Reply:
        """Send "/command text" and return the reply."""
        name, _, text = command.partition(" ")
        message = await self.send(self.write(sender_id, command=name, text=text, **changes))
        return self.answers(message)[-1]

    async def press(self, reply: Reply, label: str, sender_id: str = ADA, **changes: Any) -> Reply:
        """Press the button with that label and return the reply."""
        [token] = [button.token for button in reply.buttons if button.label == label]
        message = await self.send(self.write(sender_id, button=token, **changes))
        return self.answers(message)[-1]

    def answers(self, message: Message) -> list[Reply]:
        """Return the replies to a message that are not empty."""
        sent = self.loopback.platform.sent
        return [r for message_id, r in sent if message_id == message.message_id and r != Reply()]

    async def kept(self) -> list[RememberedMessage]:
        return await self.loopback.store.memory.select(self.chat, TalkRange())

    async def texts(self) -> list[str]:
        return [message.text for message in await self.kept()]


def quote(message: Message) -> QuotedMessage:
    """Return `message` as quoted by a reply."""
    return QuotedMessage(message.message_id, message.text, message.attachment, message.sender_id)


@asynccontextmanager
async def group_on(store: Store) -> AsyncIterator[Group]:
    """Yield a group with a running loopback."""
    async with run_loopback(store) as loopback:
        yield Group(loopback)
