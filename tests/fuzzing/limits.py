"""What no input may take: a second of processor time, or hundreds of megabytes."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from pathlib import Path

#: Of the processor, for one input of a few kilobytes: the time of the machine would depend on what
#: else it does.
MOST_S = 1.0
#: More than this beside what the process has already is a MemoryError.
MOST_BYTES = 512 << 20


def limit_memory() -> None:
    """Limit what this process can still allocate."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + MOST_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (most, resource.getrlimit(resource.RLIMIT_AS)[1]))


def limited(check: Callable[[bytes], None]) -> Callable[[bytes], None]:
    """Return a check that also fails if it takes too long."""

    def run(data: bytes) -> None:
        began_s = time.thread_time()
        check(data)
        took_s = time.thread_time() - began_s
        assert took_s < MOST_S, f"it took {took_s:.1f} s"

    return run
