"""Memory use of programs and files in their folders."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Self

import psutil

LIMIT_BYTES = 512 * 2**20
_EVERY_S = 1.5


class MemoryWatch:
    """Peak memory of the programs and their children, sampled by a thread."""

    def __init__(self) -> None:
        self.peak_bytes = 0
        self._pids: set[int] = set()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def add(self, pid: int) -> None:
        """Watch this program too."""
        self._pids.add(pid)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join(5)

    def measure(self) -> None:
        """Take note of what the programs use now."""
        for pid in list(self._pids):
            try:
                self.peak_bytes = max(self.peak_bytes, measure_tree(pid))
            except psutil.Error:
                self._pids.discard(pid)

    def _run(self) -> None:
        while not self._stopping.wait(_EVERY_S):
            self.measure()


def measure_tree(pid: int) -> int:
    """Return the resident bytes of a process and all below it."""
    process = psutil.Process(pid)
    total: int = process.memory_info().rss
    for child in process.children(recursive=True):
        try:
            total += child.memory_info().rss
        except psutil.Error:
            continue  # it has ended just now
    return total


def list_tree(folder: Path) -> frozenset[str]:
    """Return every path below a folder."""
    return frozenset(
        str(Path(where, name).relative_to(folder))
        for where, folders, files in os.walk(folder)
        for name in (*folders, *files)
    )
