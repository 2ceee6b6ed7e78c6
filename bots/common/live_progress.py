"""What every platform shares that shows the text so far: one line a job, drawn until the reply.

Best effort and always second to the reply: the latest text wins, older ones are left out.
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

#: Total deadline of one drawing: the reply waits for the one that is under way.
UPDATE_S = 10.0
#: Lines of jobs that ended without a reply are dropped above this.
MAX_LIVE_MESSAGES = 500


@dataclass
class LiveMessage:
    """What one job shows."""

    target: DeliveryTarget
    text: str = ""
    shown: str | None = None
    #: A call is under way: it must end before the reply goes out.
    is_calling: bool = False
    #: Nothing more is to be shown.
    is_over: bool = False
    task: asyncio.Task[None] | None = None


AnyLiveMessage = TypeVar("AnyLiveMessage", bound=LiveMessage)


class LiveMessages(ABC, Generic[AnyLiveMessage]):
    """The lines of one platform.

    name: of the platform, for the log. kind: what it keeps of each line.
    """

    def __init__(self, name: str, kind: type[AnyLiveMessage]) -> None:
        self._name = name
        self._kind = kind
        self._live: dict[str, AnyLiveMessage] = {}

    async def end(self, target: DeliveryTarget) -> None:
        """Stop drawing and return when no call is under way any more."""
        live = self._live.pop(target.job_id, None)
        if live and live.task:
            live.is_over = True
            if not live.is_calling:
                live.task.cancel()
            await asyncio.wait([live.task])

    async def close(self) -> None:
        """Stop all drawing."""
        tasks = [live.task for live in self._live.values() if live.task]
        self._live.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @abstractmethod
    async def _update(self, live: AnyLiveMessage) -> None:
        """Draw the line's text, and what it becomes meanwhile."""

    def _find(self, target: DeliveryTarget) -> AnyLiveMessage:
        """Return the line of a job, a new one for the first text."""
        if len(self._live) > MAX_LIVE_MESSAGES:
            self._drop(next(iter(self._live)))
        return self._live.setdefault(target.job_id, self._kind(target))

    def _start(self, live: AnyLiveMessage) -> None:
        """Draw a line unless that is done already. Returns at once and never raises."""
        if live.is_over or (live.task and not live.task.done()):
            return
        live.task = asyncio.create_task(self._update(live))
        live.task.add_done_callback(self._report)

    def _drop(self, job_id: str) -> None:
        if (task := self._live.pop(job_id).task) and not task.done():
            task.cancel()

    def _report(self, task: asyncio.Task[None]) -> None:
        # What fails here is the ledger; the reply itself will meet the same trouble and tell.
        if not task.cancelled() and (error := task.exception()):
            is_known = isinstance(error, AssistantError)
            event = f"{self._name}_progress_failed"
            log.warning(event, error=type(error).__name__, is_known=is_known)
