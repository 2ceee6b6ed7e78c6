"""What a process needs in order to work: asked by health checks, by metrics and for alerts."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Sequence
from pathlib import Path

from core.engines import OFFLINE
from core.operations.roles import Role
from core.store import Store

#: Free space on the disk below which it is reported, and above which it is well again.
LOW_BYTES, WELL_BYTES = 1 << 30, 3 << 29


class Health:
    """The parts that all platforms need: the database, the disk and the engines."""

    def __init__(self, store: Store, roles: Sequence[Role], home: Path) -> None:
        """home: a folder on the disk."""
        self._store = store
        #: Those whose engines this process calls.
        self.roles = roles
        self._home = home
        #: Free space on the disk at the last check.
        self.free_bytes = 0

    async def check(self) -> dict[str, str]:
        """Return each part, and why it does not work: empty if it does. Takes ten seconds at most.

        The database is written, the disk looked at; engines are judged by the last calls to them.
        """
        free = asyncio.to_thread(find_free_bytes, self._home)
        unwritable, self.free_bytes = await asyncio.gather(self._store.probes.check_writes(), free)
        low = f"{self.free_bytes >> 20} MB free" if self.free_bytes < LOW_BYTES else ""
        parts = {"database": unwritable, "disk": low}
        for role in self.roles:
            name, outage = role.engine.name, role.gate.outage
            if name == OFFLINE:
                continue
            parts[name] = parts.get(name) or (str(outage) if outage else "")
        return parts


def find_free_bytes(home: Path) -> int:
    """Return how much space is free on the disk of a folder, 0 if it is gone."""
    try:
        return shutil.disk_usage(home).free
    except OSError:
        return 0
