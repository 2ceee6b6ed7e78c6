"""Live progress: one message per job that is updated with the text so far until the reply.

Best effort; the reply always comes first. The latest text wins, older ones are skipped.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Generic, TypeVar

import structlog

from core.errors import AssistantError
from core.interfaces import DeliveryTarget

log = structlog.get_logger(__name__)

#: Total deadline of one update: the reply waits for the one that is under way.
UPDATE_S = 10.0
#: Above this, the messages of jobs that ended without a reply are dropped.
MAX_LIVE_MESSAGES = 500


@dataclass
class LiveMessage:
    """The progress of one job."""

    target: DeliveryTarget
    #: The latest text, and the one that was shown last.
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


AnyLiveMessage = TypeVar("AnyLiveMessage", bound=LiveMessage)


class LiveMessages(ABC, Generic[AnyLiveMessage]):
    """The live messages of one platform.

    name: the platform's, for the log. kind: the class of its live messages.
    """

    def __init__(self, name: str, kind: type[AnyLiveMessage]) -> None:
        self._name = name
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
            live.shown = None  # the same text looks different
        live.text, live.is_ours = text, is_lasting
        live.is_lasting |= is_lasting
        if not live.task or live.task.done():
            live.task = asyncio.create_task(self._update(live))
            live.task.add_done_callback(self._report)

    async def end(self, target: DeliveryTarget) -> None:
        """Stop updates; return once no call is under way."""
        live = self._live.pop(target.job_id, None)
        if live and live.task:
            live.is_over = True
            if not live.is_calling:
                live.task.cancel()
            await asyncio.wait([live.task])

    async def close(self) -> None:
        """Stop all updates."""
        tasks = [live.task for live in self._live.values() if live.task]
        self._live.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @abstractmethod
    async def _update(self, live: AnyLiveMessage) -> None:
        """Show the text, and again if it changes meanwhile."""

    def _report(self, task: asyncio.Task[None]) -> None:
        # What fails here is the ledger; the reply will fail on it too and report it.
        if not task.cancelled() and (error := task.exception()):
            is_known = isinstance(error, AssistantError)
            event = f"{self._name}_progress_failed"
            log.warning(event, error=type(error).__name__, is_known=is_known)
