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
from core.interfaces import Envelope

log = structlog.get_logger(__name__)

#: Total deadline of one drawing: the reply waits for the one that is under way.
DRAW_S = 10.0
#: Lines of jobs that ended without a reply are dropped above this.
MAX_LINES = 500


@dataclass
class Line:
    """What one job shows."""

    envelope: Envelope
    text: str = ""
    shown: str | None = None
    #: A call is under way: it must end before the reply goes out.
    is_calling: bool = False
    #: Nothing more is to be shown.
    is_over: bool = False
    task: asyncio.Task[None] | None = None


AnyLine = TypeVar("AnyLine", bound=Line)


class Drawing(ABC, Generic[AnyLine]):
    """The lines of one platform.

    name: of the platform, for the log. kind: what it keeps of each line.
    """

    def __init__(self, name: str, kind: type[AnyLine]) -> None:
        self._name = name
        self._kind = kind
        self._lines: dict[str, AnyLine] = {}

    async def end(self, envelope: Envelope) -> None:
        """Stop drawing and return when no call is under way any more."""
        line = self._lines.pop(envelope.job_id, None)
        if line and line.task:
            line.is_over = True
            if not line.is_calling:
                line.task.cancel()
            await asyncio.wait([line.task])

    async def close(self) -> None:
        """Stop all drawing."""
        tasks = [line.task for line in self._lines.values() if line.task]
        self._lines.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @abstractmethod
    async def _draw(self, line: AnyLine) -> None:
        """Draw the line's text, and what it becomes meanwhile."""

    def _find_line(self, envelope: Envelope) -> AnyLine:
        """Return the line of a job, a new one for the first text."""
        if len(self._lines) > MAX_LINES:
            self._drop(next(iter(self._lines)))
        return self._lines.setdefault(envelope.job_id, self._kind(envelope))

    def _start(self, line: AnyLine) -> None:
        """Draw a line unless that is done already. Returns at once and never raises."""
        if line.is_over or (line.task and not line.task.done()):
            return
        line.task = asyncio.create_task(self._draw(line))
        line.task.add_done_callback(self._report)

    def _drop(self, job_id: str) -> None:
        if (task := self._lines.pop(job_id).task) and not task.done():
            task.cancel()

    def _report(self, task: asyncio.Task[None]) -> None:
        # What fails here is the ledger; the reply itself will meet the same trouble and tell.
        if not task.cancelled() and (error := task.exception()):
            is_known = isinstance(error, AssistantError)
            event = f"{self._name}_progress_failed"
            log.warning(event, error=type(error).__name__, is_known=is_known)
