"""A worker process that misbehaves on request."""

from __future__ import annotations

import os
import resource
import signal
import sys
import time
from collections.abc import Iterator
from typing import Any

from core.worker_process import Frame, WorkerRefused, serve
from core.worker_process.sandbox import is_worn


def _work(header: dict[str, Any], data: bytes) -> Iterator[Frame]:  # noqa: C901
    pid = {"pid": os.getpid()}
    match header["do"]:
        case "echo":
            for index in range(header.get("times", 1)):
                yield {"index": index, **pid}, data
        case "where":
            yield {"cwd": os.getcwd(), "environment": dict(os.environ), "session": os.getsid(0),
                   "argv": sys.argv[1:], **pid}, b""  # fmt: skip
        case "print":
            print("a stray line")
            yield {}, b""
        case "hang":
            yield pid, b""
            signal.pause()
        case "die":
            os.kill(os.getpid(), signal.SIGKILL)
        case "raise":
            raise KeyError("a private text")
        case "wear":
            used_s = time.process_time()
            resource.setrlimit(resource.RLIMIT_CPU, (int(used_s) + 1, int(used_s) + 1))
            while not is_worn():
                pass
        case "memory":
            raise MemoryError
        case "refuse":
            raise WorkerRefused("empty", "it is empty")
        case "nonsense":
            sys.__stdout__.buffer.write(b"\xff" * 64)  # type: ignore[union-attr]


if __name__ == "__main__":
    serve(_work, tuple)
