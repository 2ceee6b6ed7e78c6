"""What the three roles of the offline engine have in common: this machine, and nothing to set."""

from __future__ import annotations

import os
from typing import ClassVar

from core.config import Settings
from core.errors import EngineBadReply, EngineBusy, EngineError, EngineRefused
from core.worker_process import WorkerError, WorkerMissing, WorkerRefused


class OfflineRole:
    """One role of this machine alone. Nothing leaves it."""

    name = "offline"
    requires: ClassVar[str] = ""
    #: Each role has worker processes of its own, or none.
    shared = None
    model: str

    def __init__(self, settings: Settings | None = None, shared: None = None) -> None:
        #: Calls at once, each of which keeps one core busy.
        self._size = min(2, os.cpu_count() or 1)

    @classmethod
    def is_configured(cls, settings: Settings) -> bool:
        """Return True: it needs no setting."""
        return True


def read_error(error: WorkerError) -> EngineError:
    """Return what the failure of a worker process means to the caller."""
    if isinstance(error, WorkerRefused) and error.kind == "format":
        return EngineRefused(str(error), reason="the format is not supported")
    if isinstance(error, WorkerMissing | WorkerRefused):
        return EngineBusy(str(error))
    return EngineBadReply(str(error))
