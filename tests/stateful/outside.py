"""What is outside the process and survives its crashes: a platform and an engine.

Both do what they are told to: each entry of a script is what becomes of one call.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Literal

from core.errors import (
    ChatGone,
    ChatMoved,
    EngineBadReply,
    EngineBusy,
    EngineRefused,
    PlatformBusy,
    PlatformError,
)
from core.models import Chat, Job, Message

EngineOutcome = Literal["ok", "slow", "hangs", "busy", "bad", "refused"]
PlatformOutcome = Literal["ok", "lost", "busy", "refused", "gone", "moved"]
#: How long calls take. "slow" is longer than people are kept waiting without a notice.
_CALL_S, _SLOW_S, _HANG_S, _SEND_S = 0.5, 45.0, 900.0, 0.02
_KEY = re.compile(r"m\d+e\d+")


@dataclass
class Sent:
    """A message of ours that is visible on the platform."""

    job_id: str
    part: int
    chat_id: str
    text: str
    #: The process knows that it was sent.
    is_confirmed: bool = False


@dataclass
class Service:
    """An engine. A key stands for one version of a message."""

    script: deque[EngineOutcome] = field(default_factory=deque)
    #: Calls that were paid for and whose results were right.
    paid: Counter[str] = field(default_factory=Counter)

    async def perform(self, asked: str) -> str:
        """Return what the engine says to a text that has a key. Raises EngineError."""
        key = _KEY.findall(asked)[-1]
        outcome = self.script.popleft() if self.script else "ok"
        if outcome in ("ok", "slow"):
            self.paid[key] += 1
            await asyncio.sleep(_CALL_S if outcome == "ok" else _SLOW_S)
            return answer_of(key)
        await asyncio.sleep(_HANG_S if outcome == "hangs" else _CALL_S)
        if outcome == "bad":
            raise EngineBadReply("nonsense")
        if outcome == "refused":
            raise EngineRefused("400", reason="it is too loud")
        raise EngineBusy("503")


@dataclass
class Place:
    """A platform: what it has shown to the process, and what people see of it."""

    script: deque[PlatformOutcome] = field(default_factory=deque)
    #: Not yet acknowledged; the first one is delivered until it is.
    updates: deque[Message] = field(default_factory=deque)
    acknowledged: list[Message] = field(default_factory=list)
    visible: dict[str, Sent] = field(default_factory=dict)
    #: Old id of a chat -> its new one.
    moved: dict[str, str] = field(default_factory=dict)
    #: Jobs in the order in which their first part was shown, and those refused by the platform.
    shown: list[str] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    #: Jobs that an operator has run again.
    retried: set[str] = field(default_factory=set)
    #: Jobs whose cancellation a person was told, and what is wrong with what came later.
    cancelled: set[str] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)
    _count: int = 0

    def find(self, chat_id: str) -> str:
        """Return the id that a chat has now."""
        while chat_id in self.moved:
            chat_id = self.moved[chat_id]
        return chat_id

    async def send(self, job_id: str, chat: Chat, part: int, text: str, edit_id: str) -> str:
        """Show a text, as a change of the message `edit_id` if there is one; return its id."""
        outcome = self.script.popleft() if self.script else "ok"
        await asyncio.sleep(_SEND_S)
        if outcome == "moved" and chat.chat_id not in self.moved:
            self._count += 1
            self.moved[chat.chat_id] = f"{chat.chat_id}-{self._count}"
        if chat.chat_id in self.moved:
            raise ChatMoved(self.moved[chat.chat_id])
        if outcome == "gone":
            raise ChatGone("blocked")
        if outcome == "refused":
            self.refused.add(job_id)
            raise PlatformError("it cannot be sent")
        if outcome == "busy":
            raise PlatformBusy("429")
        platform_id = self._show(job_id, chat, part, text, edit_id)
        await asyncio.sleep(_SEND_S)
        if outcome == "lost":
            raise PlatformBusy("timeout")
        return platform_id

    def _show(self, job_id: str, chat: Chat, part: int, text: str, edit_id: str) -> str:
        if job_id in self.cancelled and _KEY.search(text):
            self.faults.append(f"{job_id} was cancelled, and shows: {text}")
        if job_id not in self.shown:
            self.shown.append(job_id)
        if edit_id:
            if edit_id in self.visible:
                self.visible[edit_id].text = text
                self.visible[edit_id].part = part
            return edit_id
        self._count += 1
        self.visible[str(self._count)] = Sent(job_id, part, chat.chat_id, text)
        return str(self._count)

    async def delete(self, platform_id: str) -> None:
        """Delete a message."""
        await asyncio.sleep(_SEND_S)
        self.visible.pop(platform_id, None)

    def list_parts(self, job: Job) -> dict[int, list[Sent]]:
        """Return what is visible of the reply of a job, by part."""
        found: dict[int, list[Sent]] = {}
        for sent in self.visible.values():
            if sent.job_id == job.job_id:
                found.setdefault(sent.part, []).append(sent)
        return found


def answer_of(key: str) -> str:
    """Return what the engine makes of a message: long enough for two parts."""
    return f"{key} is what was said at first, and then it was {key}"


def key_of(message: Message) -> str:
    """Return the key of a message: chats that move drop its id."""
    return message.sender_name
