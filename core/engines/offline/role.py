"""Base class of the offline engine's three roles."""

from __future__ import annotations

import os
from typing import ClassVar

from core.config import Settings
from core.errors import EngineBadReply, EngineBusy, EngineError, NotSent
from core.worker_process import WorkerError, WorkerMissing, WorkerRefused

#: Calls at once, each of which keeps one core busy.
CONCURRENCY = min(2, os.cpu_count() or 1)


class OfflineRole:
    """One role of this machine alone. No data leaves it."""

    name = "offline"
    requires: ClassVar[str] = ""
    processor = ""
    #: Each role has its own worker processes, or none.
    shared = None

    def __init__(self, settings: Settings | None = None, shared: None = None) -> None:
        """Take what every engine takes; nothing of it is needed."""

    @classmethod
    def is_configured(cls, settings: Settings) -> bool:
        """Return True: it needs no setting."""
        return True

    async def close(self) -> None:
        """End the worker processes, if the role has any."""


def read_error(error: WorkerError) -> EngineError:
    """Return the EngineError for the failure of a worker process."""
    if isinstance(error, WorkerRefused) and error.kind == "format":
        return NotSent(str(error), reason="the format is not supported")
    if isinstance(error, WorkerMissing | WorkerRefused):
        return EngineBusy(str(error))
    return EngineBadReply(str(error))
