"""One worker process, as its parent sees it: start, frames in both directions, deadlines, end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from typing import Any

from core.worker_process import (
    END,
    FAILED,
    HEAD,
    READY,
    REFUSED,
    WORK,
    Frame,
    WorkerDied,
    WorkerError,
    WorkerMissing,
    WorkerRefused,
    WorkerStalled,
)
from core.worker_process.sandbox import hide_memory

#: A worker is not trusted: the file that it reads may have taken it over.
_MAX_HEADER_BYTES, _MAX_DATA_BYTES = 2**20, 192 * 2**20
_CHUNK_BYTES = 256 * 1024
_START_S = 60.0
#: How many times the longest wait a request may take in all.
_MOST_STALLS = 20
#: How long a worker that closed its pipe may take to exit.
_EXIT_S = 1.0
#: Empty, but for a variable that some libraries need at import.
_ENVIRONMENT = {"PATH": ""}


class WorkerProcess:
    """A worker process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin and process.stdout
        self._process, self._stdin, self._stdout = process, process.stdin, process.stdout
        self._reading = asyncio.Lock()
        self.requests = 0
        self.is_idle = False
        self.lacks: tuple[str, ...] = ()
        self._stall_s = self._left_s = _START_S

    @classmethod
    async def start(cls, command: Sequence[str]) -> WorkerProcess:
        """Start a worker and wait until it is ready. Raises WorkerMissing."""
        hide_memory()
        pipe, nowhere = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
        try:
            process = await asyncio.create_subprocess_exec(
                *command, stdin=pipe, stdout=pipe, stderr=nowhere, env=_ENVIRONMENT, cwd="/",
                start_new_session=True,
                limit=_CHUNK_BYTES,
            )  # fmt: skip
        except OSError as error:
            raise WorkerMissing(f"cannot start a worker: {type(error).__name__}") from error
        worker = cls(process)
        try:
            ready = await worker.next_frame()
            worker.lacks, worker.is_idle = tuple(ready[0].get("lacks", ())) if ready else (), True
        except WorkerError as error:
            raise WorkerMissing(f"a worker did not start: {error}") from error
        finally:
            if not worker.is_idle:
                await worker.kill()
        return worker

    async def send_request(
        self, header: dict[str, Any], data: AsyncGenerator[bytes, None], size: int, stall_s: float
    ) -> None:
        """Send a request with `size` bytes of data."""
        self.requests, self.is_idle = self.requests + 1, False
        self._stall_s, self._left_s = stall_s, _MOST_STALLS * stall_s
        head = json.dumps(header).encode()
        self._stdin.write(HEAD.pack(WORK, len(head), size) + head)
        async with aclosing(data) as chunks:
            async for chunk in chunks:
                view, size = memoryview(chunk), size - len(chunk)
                for start in range(0, len(chunk), _CHUNK_BYTES):
                    self._stdin.write(view[start : start + _CHUNK_BYTES])
                    async with self._wait("took no data"):
                        await self._stdin.drain()
        if size:
            raise WorkerDied("the data was not of its size")

    async def next_frame(self) -> Frame | None:
        """Return the next frame of the reply, None at its end."""
        async with self._wait("silent"), self._reading:
            kind, head, size = HEAD.unpack(await self._stdout.readexactly(HEAD.size))
            if head > _MAX_HEADER_BYTES or size > _MAX_DATA_BYTES:
                raise WorkerDied("frame too large")
            header = json.loads(await self._stdout.readexactly(head))
            # In chunks: copying one large read would block the event loop.
            sizes = (min(_CHUNK_BYTES, size - start) for start in range(0, size, _CHUNK_BYTES))
            data = b"".join([await self._stdout.readexactly(n) for n in sizes])
        if not isinstance(header, dict):
            raise WorkerDied("invalid frame")
        # One that has little memory or CPU time left is replaced.
        self.is_idle = kind in (END, REFUSED) and not header.get("is_worn")
        if kind == REFUSED:
            raise WorkerRefused(str(header.get("kind")), str(header.get("detail", "")))
        if kind == FAILED:
            raise WorkerDied(f"failed with {header.get('detail')}"[:200])
        return (header, data) if kind in (READY, WORK) else None

    async def kill(self) -> None:
        """Kill the process and wait until it is reaped."""
        with suppress(ProcessLookupError):
            self._process.kill()
        self._stdin.close()
        async with self._reading:
            # asyncio reports the exit of a process after the end of its pipes.
            await self._drain()
        await self._process.wait()

    @asynccontextmanager
    async def _wait(self, stall: str) -> AsyncIterator[None]:
        """Wait for the worker: timeouts become WorkerStalled, failures of its pipes WorkerDied."""
        loop = asyncio.get_running_loop()
        began_s, wait_s = loop.time(), min(self._stall_s, self._left_s)
        try:
            async with asyncio.timeout(wait_s):
                yield
        except TimeoutError:
            is_silent = wait_s == self._stall_s
            raise WorkerStalled(f"{stall} for {wait_s:.0f} s" if is_silent else "slow") from None
        except (asyncio.IncompleteReadError, BrokenPipeError, ConnectionResetError):
            raise await self._read_exit() from None
        except (ValueError, RecursionError):
            raise WorkerDied("invalid frame") from None
        finally:
            self._left_s = max(0.0, self._left_s - (loop.time() - began_s))

    async def _read_exit(self) -> WorkerDied:
        # Let it exit by itself: if a signal interrupts that, asyncio reports 255 as exit code.
        self._stdin.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(_EXIT_S), self._reading:
                await self._drain()
                await self._process.wait()
        await self.kill()
        return WorkerDied(f"ended with {self._process.returncode}")

    async def _drain(self) -> None:
        """Read to the end, and keep nothing of it."""
        while await self._stdout.read(_CHUNK_BYTES):
            pass
