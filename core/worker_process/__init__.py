"""Warm worker processes for work that may hang, crash, use up memory or hold the interpreter lock.

A worker that dies or stalls fails its current request only and is replaced in the background.
Workers get no secrets (no environment), live in a sandbox, and exit by themselves when their parent
is gone (end of stdin).

A frame, in both directions: one byte for its kind, the lengths of header and data, the header as
JSON, the data.
"""

from __future__ import annotations

import json
import struct
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, BinaryIO

from core.errors import AssistantError
from core.worker_process.sandbox import is_worn

Frame = tuple[dict[str, Any], bytes]

HEAD = struct.Struct(">cII")
#: The kinds of frames. Only the first one is sent in both directions.
WORK, READY, END, REFUSED, FAILED = b"W", b"S", b"E", b"R", b"F"


class WorkerError(AssistantError):
    """A worker process failed to serve a request."""


class WorkerDied(WorkerError):
    """The worker crashed or was killed, by the system or by its own limits."""


class WorkerStalled(WorkerError):
    """The worker was silent for too long."""


class WorkerMissing(WorkerError):
    """No worker could be started, or the pool is closed: not the fault of the request."""

    is_retryable = True


class WorkerRefused(WorkerError):
    """The worker rejected the request. `kind` is one word; "memory" means out of memory."""

    def __init__(self, kind: str, detail: str = "") -> None:
        super().__init__(f"{kind}: {detail}" if detail else kind)
        self.kind, self.detail = kind, detail


def serve(
    work: Callable[[dict[str, Any], bytes], Iterator[Frame]], enter: Callable[[], Sequence[str]]
) -> None:
    """Run as a worker: serve the requests on stdin until it ends.

    enter: enters the sandbox, and returns the parts of it that this system lacks.
    `work` may raise WorkerRefused. Any other exception ends the worker; only its class name is
    sent to the parent, since its text may contain what a person said.
    """
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr  # a stray print must not break the frames
    _enlarge(sink)
    send = partial(_send, sink)
    sys.excepthook = lambda kind, *_: send(FAILED, {"detail": kind.__name__})
    send(READY, {"lacks": enter()})
    while len(head := source.read(HEAD.size)) == HEAD.size:
        _, head_bytes, data_bytes = HEAD.unpack(head)
        header = json.loads(source.read(head_bytes))
        try:
            for frame in work(header, source.read(data_bytes)):
                send(WORK, *frame)
            send(END, {"is_worn": is_worn()})
        except WorkerRefused as refused:
            told = {"kind": refused.kind, "detail": refused.detail}
            send(REFUSED, {**told, "is_worn": is_worn()})
        except MemoryError:
            return send(REFUSED, {"kind": "memory", "is_worn": True})


def _send(sink: BinaryIO, kind: bytes, header: dict[str, Any], data: bytes = b"") -> None:
    head = json.dumps(header).encode()
    sink.write(HEAD.pack(kind, len(head), len(data)) + head)
    sink.write(data)
    sink.flush()


def _enlarge(pipe: BinaryIO) -> None:
    """Let the pipe hold a whole piece of audio, if the system can."""
    with suppress(ImportError, AttributeError, OSError):
        import fcntl

        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, 2**20)
