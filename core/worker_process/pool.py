"""Pool of worker processes: start, dispatch requests, watch for stalls, replace."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from typing import Any

import structlog

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
    isolated,
)
from core.worker_process.sandbox import hide_memory

#: A worker is not trusted: the file that it reads may have taken it over.
_MAX_HEADER_BYTES, _MAX_DATA_BYTES = 2**20, 192 * 2**20
_CHUNK_BYTES, _START_S = 256 * 1024, 60.0
#: How many times the longest wait a request may take in all.
_MOST_STALLS = 20
#: How long a worker that closed its pipe may take to exit.
_EXIT_S = 1.0
#: Empty, but for a variable that some libraries need at import.
_ENVIRONMENT = {"PATH": ""}

#: What a worker is sent with a request: all of it, or in chunks.
Data = bytes | AsyncGenerator[bytes, None]


class WorkerPool:
    """Up to `size` workers that run `module`, started by `expect`, `warm_up` or on first use.

    module: its main calls `serve`. arguments: its argv.
    recycle_after: number of requests after which a worker is replaced.
    idle_s: time without requests after which no worker is kept.
    """

    def __init__(
        self,
        module: str,
        *,
        size: int,
        arguments: Sequence[str] = (),
        recycle_after: int = 200,
        idle_s: float | None = None,
    ) -> None:
        self._command = isolated.command_of(module, *arguments)
        self._recycle_after, self._is_closed = recycle_after, False
        self._idle_s = idle_s
        #: Parts of the sandbox that this system lacks, as far as workers have told.
        self.lacks: tuple[str, ...] = ()
        self._rest_timer: asyncio.TimerHandle | None = None
        #: When the last request ended or the last worker was started, on the loop's clock.
        self._used_at_s = 0.0
        #: One per worker: the task that starts or started it, None before the first use. Last in,
        #: first out, so that no more workers are started than requests run at once.
        self._slots: asyncio.Queue[asyncio.Task[_WorkerProcess] | None] = asyncio.LifoQueue()
        self._workers: set[_WorkerProcess] = set()
        #: Tasks that start and stop workers.
        self._changing: set[asyncio.Task[Any]] = set()
        for _ in range(size):
            self._slots.put_nowait(None)

    def expect(self) -> None:
        """Start a worker for a request that is about to come, unless there is one."""
        if not (self._workers or self._changing or self._slots.empty() or self._is_closed):
            self._slots.put_nowait(self._slots.get_nowait() or self._start())

    async def warm_up(self, count: int | None = None) -> None:
        """Start `count` workers, or all, and wait until they are ready. Raises WorkerMissing."""
        count = min(self._slots.qsize(), count or self._slots.qsize())
        tasks = [self._slots.get_nowait() or self._start() for _ in range(count)]
        for task in tasks:
            self._slots.put_nowait(task)
        await asyncio.gather(*(asyncio.shield(task) for task in tasks))

    async def run(
        self, header: dict[str, Any], data: Data = b"", *, size: int = 0, stall_s: float = 20.0
    ) -> AsyncGenerator[Frame, None]:
        """Send a request and yield the frames of the worker's reply as they arrive.

        To abandon the request, close the generator (`contextlib.aclosing`): the worker is replaced.
        size: bytes of all chunks of `data`, which are read as the worker takes them.
        stall_s: longest wait for the worker; all waits together are at most twenty times as long.
            The caller's own time does not count.
        Raises WorkerDied, WorkerStalled, WorkerRefused, WorkerMissing.
        """
        if self._is_closed:
            raise WorkerMissing("the pool is closed")
        if isinstance(data, bytes):
            size, data = len(data), _yield_whole(data)
        task = await self._slots.get() or self._start()
        try:
            worker = await asyncio.shield(task)
            await worker.send_request(header, data, size, stall_s)
            while frame := await worker.next_frame():
                yield frame
        except WorkerDied:
            if self._is_closed:
                raise WorkerMissing("the pool was closed") from None
            raise
        finally:
            self._used_at_s = asyncio.get_running_loop().time()
            self._slots.put_nowait(self._renew(task))

    async def close(self) -> None:
        """Kill every worker, busy or not."""
        self._is_closed = True
        await asyncio.gather(*self._changing, return_exceptions=True)
        if self._rest_timer:
            self._rest_timer.cancel()
        await asyncio.gather(*(worker.kill() for worker in self._workers))

    def _renew(self, task: asyncio.Task[_WorkerProcess]) -> asyncio.Task[_WorkerProcess] | None:
        if not task.done():
            return task
        if task.cancelled() or task.exception() or self._is_closed:
            return None
        worker = task.result()
        is_good = worker.is_idle and worker.requests < self._recycle_after
        return task if is_good else self._start(replaced=worker)

    def _start(self, replaced: _WorkerProcess | None = None) -> asyncio.Task[_WorkerProcess]:
        # A separate task: cancelling one request must not lose the slot.
        return self._track(asyncio.create_task(self._launch(replaced)))

    def _track(self, task: asyncio.Task[Any]) -> asyncio.Task[Any]:
        self._changing.add(task)
        task.add_done_callback(self._changing.discard)
        return task

    def _rest(self) -> None:
        """Stop the workers that wait for requests, if none came for a while."""
        loop, wait_s = asyncio.get_running_loop(), self._idle_s or 0.0
        if (used_s := loop.time() - self._used_at_s) < wait_s:
            wait_s = max(0.02, wait_s - used_s)  # less, and no clock shows that it has passed
        else:
            for slot in [self._slots.get_nowait() for _ in range(self._slots.qsize())]:
                self._slots.put_nowait(None)
                if slot:
                    self._track(asyncio.create_task(self._stop(slot)))
        self._rest_timer = loop.call_later(wait_s, self._rest) if self._workers else None

    async def _stop(self, slot: asyncio.Task[_WorkerProcess]) -> None:
        with suppress(WorkerMissing):
            worker = await slot
            self._workers.discard(worker)
            await worker.kill()

    async def _launch(self, replaced: _WorkerProcess | None) -> _WorkerProcess:
        if replaced:
            await replaced.kill()
            self._workers.discard(replaced)
        if self._is_closed:
            raise WorkerMissing("the pool is closed")
        worker = await _WorkerProcess.start(self._command)
        self._workers.add(worker)
        if worker.lacks and not self.lacks:
            told = {"parts": worker.lacks, "worker": " ".join(self._command[3:])}
            structlog.get_logger().warning("this system lacks a part of the sandbox", **told)
        self.lacks = worker.lacks
        loop = asyncio.get_running_loop()
        self._used_at_s = loop.time()
        if self._idle_s and not self._rest_timer:
            self._rest_timer = loop.call_later(self._idle_s, self._rest)
        return worker


async def _yield_whole(data: bytes) -> AsyncGenerator[bytes, None]:
    yield data


class _WorkerProcess:
    """One worker process, as its parent sees it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin and process.stdout
        self._process, self._stdin, self._stdout = process, process.stdin, process.stdout
        self._reading = asyncio.Lock()
        self.requests = 0
        self.is_idle = False
        self.lacks: tuple[str, ...] = ()
        self._stall_s = self._left_s = _START_S

    @classmethod
    async def start(cls, command: Sequence[str]) -> _WorkerProcess:
        """Start a worker and wait until it is ready. Raises WorkerMissing."""
        hide_memory()
        pipe, nowhere = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
        try:
            process = await asyncio.create_subprocess_exec(
                *command, stdin=pipe, stdout=pipe, stderr=nowhere, env=_ENVIRONMENT, cwd="/",
                start_new_session=True, limit=_CHUNK_BYTES,
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
        while await self._stdout.read(_CHUNK_BYTES):
            pass
