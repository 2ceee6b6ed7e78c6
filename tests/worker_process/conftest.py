"""Pools whose workers do what a test tells them."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from core.worker_process import Frame
from core.worker_process.pool import Data, WorkerPool
from tests.support.paths import ROOT

WORK = str(ROOT / "tests" / "support" / "faulty_worker.py")


class Pool(WorkerPool):
    """A pool whose worker is a file of the tests, or does what `code` says."""

    def __init__(self, *arguments: str, code: str = "", **options: Any) -> None:
        super().__init__("-", **options)
        source = ["-c", _PROTOCOL + code] if code else [WORK, *arguments]
        self._command = (sys.executable, "-I", *source)


#: Speaks the protocol of workers, and may stop anywhere.
_PROTOCOL = """
import os, signal, struct, sys
def send(kind, header=b"{}", data=b"", *, claimed=None):
    size = len(data) if claimed is None else claimed
    os.write(1, struct.pack(">cII", kind, len(header), size) + header + data)
def take():
    _, header, data = struct.unpack(">cII", sys.stdin.buffer.read(9))
    return sys.stdin.buffer.read(header + data)
"""


def tell(*frames: tuple[dict[str, Any], int]) -> str:
    """Return the code of a worker that answers with these frames: header, bytes of data."""
    sends = [
        f"send(b'W', {json.dumps(header).encode()!r}, bytes({size}))" for header, size in frames
    ]
    return "\n".join(["send(b'S'); take()", *sends, "send(b'E')", "take()"])


MakePool = Callable[..., Pool]


@pytest.fixture
async def make_pool() -> AsyncIterator[MakePool]:
    """Make pools that are closed at the end of the test."""
    made: list[Pool] = []

    def make(*arguments: str, **options: Any) -> Pool:
        made.append(Pool(*arguments, **options))
        return made[-1]

    yield make
    for pool in made:
        await pool.close()


async def run(
    pool: WorkerPool, header: dict[str, Any], data: Data = b"", **more: Any
) -> list[Frame]:
    return [frame async for frame in pool.run(header, data, **more)]
