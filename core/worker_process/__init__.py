"""Warm child processes for work that may hang, crash, eat memory or hold the interpreter's lock.

A child that dies or stalls costs its own job only: it is replaced in the background. Children
know no secret (no environment), and end by themselves when their parent is gone (end of stdin).

Both ways a frame is: one byte for its kind, the lengths of header and data, the header in JSON,
the data.
"""

from __future__ import annotations

import json
import struct
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, BinaryIO

from core.errors import AssistantError

Frame = tuple[dict[str, Any], bytes]

HEAD = struct.Struct(">cII")
#: The kinds of frames. Only the first goes both ways.
WORK, READY, END, REFUSED, FAILED = b"W", b"S", b"E", b"R", b"F"


class WorkerError(AssistantError):
    """A child process did not do its job."""


class WorkerDied(WorkerError):
    """It crashed or was killed, by the system or by its own limits."""


class WorkerStalled(WorkerError):
    """Nothing came from it for too long."""


class WorkerMissing(WorkerError):
    """It could not be started, or the pool is closed. The job is not to blame."""

    is_retryable = True


class WorkerRefused(WorkerError):
    """It works and says no: `kind` in one word. "memory" means that memory ran out."""

    def __init__(self, kind: str, detail: str = "") -> None:
        super().__init__(f"{kind}: {detail}" if detail else kind)
        self.kind, self.detail = kind, detail


def serve(work: Callable[[dict[str, Any], bytes], Iterator[Frame]]) -> None:
    """Be a child: run the jobs that come on stdin until it ends.

    `work` may raise ChildRefused. Whatever else it raises ends the child; only the name of the
    error reaches the parent, since its text may hold what a person said.
    """
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr  # a stray print must not break the frames
    _widen(sink)

    def send(kind: bytes, header: dict[str, Any], data: bytes = b"") -> None:
        head = json.dumps(header).encode()
        sink.write(HEAD.pack(kind, len(head), len(data)) + head)
        sink.write(data)
        sink.flush()

    sys.excepthook = lambda kind, *_: send(FAILED, {"detail": kind.__name__})
    send(READY, {})
    while len(head := source.read(HEAD.size)) == HEAD.size:
        _, head_bytes, data_bytes = HEAD.unpack(head)
        header = json.loads(source.read(head_bytes))
        try:
            for frame in work(header, source.read(data_bytes)):
                send(WORK, *frame)
            send(END, {})
        except WorkerRefused as refused:
            send(REFUSED, {"kind": refused.kind, "detail": refused.detail})
        except MemoryError:
            return send(REFUSED, {"kind": "memory"})


def _widen(pipe: BinaryIO) -> None:
    """Let the pipe hold a whole piece of sound, where the system can."""
    with suppress(ImportError, AttributeError, OSError):
        import fcntl

        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, 2**20)
