"""Live messages: the progress of jobs, shown in chats until their replies come."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from core.interfaces import DeliveryTarget
from core.locale import mark, translate
from core.models import CANCEL_TOKEN, Button

MOMENT = mark("One moment …")

#: Total deadline of one update: the reply waits for the one that is under way.
UPDATE_S = 10.0
#: Above this, the messages of jobs that ended without a reply are dropped.
MAX_LIVE_MESSAGES = 500


@dataclass
class LiveMessage:
    """The progress of one job."""

    target: DeliveryTarget
    #: The latest text, and the one that was shown last; None = there was no call yet.
    text: str = ""
    shown: str | None = None
    #: The latest text was written by the program, not by a person or a model.
    is_ours: bool = False
    #: One of the texts was: it must stay visible until the reply.
    is_lasting: bool = False
    #: A call is under way: it must end before the reply is sent.
    is_calling: bool = False
    #: No more updates.
    is_over: bool = False
    task: asyncio.Task[None] | None = None


StartTask = Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]
AnyLiveMessage = TypeVar("AnyLiveMessage", bound=LiveMessage)


class LiveMessages(ABC, Generic[AnyLiveMessage]):
    """The live messages of one platform; `kind` is their class, `start_task` the bot's."""

    def __init__(self, start_task: StartTask, kind: type[AnyLiveMessage]) -> None:
        self._start_task = start_task
        self._kind = kind
        self._live: dict[str, AnyLiveMessage] = {}

    async def show(self, target: DeliveryTarget, text: str, *, is_lasting: bool = False) -> None:
        """Show `text` next. Returns at once and never raises.

        is_lasting: it was written by the program, not by a person or a model.
        """
        if len(self._live) > MAX_LIVE_MESSAGES:
            dropped = self._live.pop(next(iter(self._live)))
            if dropped.task:
                dropped.task.cancel()
        live = self._live.setdefault(target.job_id, self._kind(target))
        if live.is_ours != is_lasting:
            live.shown = live.shown and ""  # the same text looks different
        live.text, live.is_ours = text, is_lasting
        live.is_lasting |= is_lasting
        if not live.task or live.task.done():
            # A failure of the ledger is only logged: the reply will fail on it too.
            live.task = self._start_task(self._update(live))

    async def offer_cancel(self, target: DeliveryTarget) -> None:
        """Show a word with the button that cancels, unless a text is shown, which has it."""
        if target.job_id not in self._live:
            await self.show(target, translate(MOMENT, target.message.language), is_lasting=True)

    async def end(self, target: DeliveryTarget) -> None:
        """Stop updates; return once no call is under way."""
        live = self._live.pop(target.job_id, None)
        if live and live.task:
            live.is_over = True
            if not live.is_calling:
                live.task.cancel()
            await asyncio.wait([live.task])
            if live.shown is not None:
                await target.ledger.refresh()

    @abstractmethod
    async def _update(self, live: AnyLiveMessage) -> None:
        """Show the text, and again if it changes meanwhile."""


def build_cancel_button(target: DeliveryTarget) -> Button:
    """Return the button under the live message of a job."""
    label = translate("Cancel", target.message.language)
    return Button(label, "cancel", token=f"{CANCEL_TOKEN}{target.job_id}")
