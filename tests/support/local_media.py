"""Media whose sound is read in this process: for tests of what comes after the reading.

A child process costs half a second of processor time to start, and every test would need its own:
it hangs on the test's event loop. The same sound is read once for all tests of a process.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from functools import cache
from typing import Any

from core.audio import Media, worker
from core.child import ChildRefused, Frame
from core.errors import UserError


class LocalPool:
    """Stands for `core.child.pool.ChildPool`; what it reads is not hostile."""

    async def warm_up(self, count: int | None = None) -> None:
        pass

    async def run(
        self, header: dict[str, Any], data: bytes = b"", *, stall_s: float = 20.0
    ) -> AsyncGenerator[Frame, None]:
        asked = json.dumps({key: value for key, value in header.items() if key != "cpu_s"})
        frames = _work(asked, data)
        if isinstance(frames, ChildRefused):
            raise ChildRefused(frames.kind, frames.detail)
        for found, sound in frames:
            yield dict(found), sound

    async def close(self) -> None:
        pass


@cache
def _work(asked: str, data: bytes) -> list[Frame] | ChildRefused:
    header = json.loads(asked)
    try:
        frames = list(worker._JOBS[header["do"]](header, data))
    except UserError as error:
        return ChildRefused(type(error).__name__, error.user_text)
    return [(json.loads(json.dumps(found)), sound) for found, sound in frames]


def local_media() -> Media:
    """Return media without children: nothing is to be closed."""
    media = Media(workers=1)
    media._pool = LocalPool()  # type: ignore[assignment]
    return media
