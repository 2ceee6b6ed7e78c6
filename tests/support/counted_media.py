"""`Media` whose recordings say how many pieces they have, so that hours of them cost no time.

For tests that are not about decoding.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from typing import Any

from core.audio import Media
from core.interfaces import GrowingRecording
from core.worker_process import Frame, WorkerRefused
from tests.support.virtual_time import current_clock

#: Of every piece of a recording that has several, and of the only one of others.
PIECE_S, NOTE_S = 45.0, 3.0


class CountedMedia(Media):
    """Makes as many pieces as a recording says: "NAME COUNT".

    decode_s: how long each piece takes. begin: see `Media`.
    """

    def __init__(
        self, begin: Callable[[], GrowingRecording] | None = None, *, decode_s: float = 0.0
    ) -> None:
        super().__init__(begin=begin)
        self._pool = _Counted(decode_s)  # type: ignore[assignment]
        self.expect = self._pool.expect


class _Counted:
    """Stands in for `core.worker_process.pool.WorkerPool`."""

    def __init__(self, decode_s: float) -> None:
        self._decode_s = decode_s

    def expect(self) -> None:
        pass

    async def run(
        self,
        header: dict[str, Any],
        chunks: AsyncGenerator[bytes, None],
        *,
        size: int,
        stall_s: float = 20.0,
    ) -> AsyncGenerator[Frame, None]:
        data = b"".join([chunk async for chunk in chunks])
        count = int(data.split()[1])
        each_s = PIECE_S if count > 1 else NOTE_S
        for index in range(count):
            await current_clock().sleep(self._decode_s)
            if (index + 1) * each_s > header["max_s"]:
                raise WorkerRefused("TooLong")
            info = {"start_s": index * each_s, "duration_s": each_s, "recording_s": count * each_s}
            yield (
                info
                | {"has_speech": True, "is_forced": False, "pauses": []}
                | {"is_last": index == count - 1},
                data + b" %d" % index,
            )
