"""Base classes of the offline engine's three roles."""

from __future__ import annotations

import os
from typing import ClassVar

from core.config import Settings
from core.errors import EngineBadReply, EngineBusy, EngineError, NotSent
from core.worker_process import WorkerError, WorkerMissing, WorkerRefused
from core.worker_process.pool import WorkerPool

#: Calls at once, each of which keeps one core busy.
CONCURRENCY = min(2, os.cpu_count() or 1)


class OfflineRole:
    """One role of this machine alone. No data leaves it."""

    name = "offline"
    requires: ClassVar[str] = ""
    processor = ""
    #: Each role has worker processes of its own, or none.
    shared = None

    def __init__(self, settings: Settings | None = None, shared: None = None) -> None:
        """Take what every engine takes; nothing of it is needed."""

    @classmethod
    def is_configured(cls, settings: Settings) -> bool:
        """Return True: it needs no setting."""
        return True

    async def close(self) -> None:
        """Do nothing: there is nothing to end."""


class WorkerRole(OfflineRole):
    """A role whose work is done by worker processes."""

    #: The module of the workers.
    worker: ClassVar[str]

    def __init__(self, settings: Settings | None = None, shared: None = None) -> None:
        super().__init__(settings, shared)
        self._pool = WorkerPool(self.worker, size=CONCURRENCY)

    @property
    def lacks(self) -> tuple[str, ...]:
        """Return the parts of the workers' sandbox that this system lacks. Valid once warm."""
        return self._pool.lacks

    def has_worker(self) -> bool:
        """Return whether what the workers need is installed, and they are used."""
        raise NotImplementedError

    async def warm_up(self, count: int | None = None) -> None:
        """Start `count` workers, or all, if there are any. Raises EngineBusy."""
        if not self.has_worker():
            return
        try:
            await self._pool.warm_up(count)
        except WorkerError as error:
            raise read_error(error) from error

    async def close(self) -> None:
        """End the worker processes."""
        await self._pool.close()


def read_error(error: WorkerError) -> EngineError:
    """Return the EngineError for the failure of a worker process."""
    if isinstance(error, WorkerRefused) and error.kind == "format":
        return NotSent(str(error), reason="the format is not supported")
    if isinstance(error, WorkerMissing | WorkerRefused):
        return EngineBusy(str(error))
    return EngineBadReply(str(error))
