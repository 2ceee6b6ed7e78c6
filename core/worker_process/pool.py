"""Pool of worker processes: start, dispatch requests, watch for stalls, replace."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from typing import Any

import structlog

from core.worker_process import Frame, WorkerDied, WorkerMissing
from core.worker_process.process import WorkerProcess

log = structlog.get_logger()

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
        self._module = module
        self._command = (sys.executable, "-I", "-m", module, *arguments)
        self._recycle_after, self._is_closed = recycle_after, False
        self._idle_s = idle_s
        #: Parts of the sandbox that this system lacks, as far as workers have told.
        self.lacks: tuple[str, ...] = ()
        self._rest_timer: asyncio.TimerHandle | None = None
        #: When the last request ended or the last worker was started, on the loop's clock.
        self._used_at_s = 0.0
        #: One per worker: the task that starts or started it, None before the first use. Last in,
        #: first out, so that no more workers are started than requests run at once.
        self._slots: asyncio.Queue[asyncio.Task[WorkerProcess] | None] = asyncio.LifoQueue()
        self._workers: set[WorkerProcess] = set()
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
        free = self._slots.qsize()
        slots = [self._slots.get_nowait() for _ in range(min(free, count or free))]
        tasks = [slot or self._start() for slot in slots]
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

    def _renew(self, task: asyncio.Task[WorkerProcess]) -> asyncio.Task[WorkerProcess] | None:
        if not task.done():
            return task
        if task.cancelled() or task.exception() or self._is_closed:
            return None
        worker = task.result()
        if worker.is_idle and worker.requests < self._recycle_after:
            return task
        return self._start(replaced=worker)

    def _start(self, replaced: WorkerProcess | None = None) -> asyncio.Task[WorkerProcess]:
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
            wait_s -= used_s
        else:
            for slot in [self._slots.get_nowait() for _ in range(self._slots.qsize())]:
                self._slots.put_nowait(None)
                if slot:
                    self._track(asyncio.create_task(self._stop(slot)))
        self._rest_timer = loop.call_later(wait_s, self._rest) if self._workers else None

    async def _stop(self, slot: asyncio.Task[WorkerProcess]) -> None:
        with suppress(WorkerMissing):
            worker = await slot
            self._workers.discard(worker)
            await worker.kill()

    async def _launch(self, replaced: WorkerProcess | None) -> WorkerProcess:
        if replaced:
            await replaced.kill()
            self._workers.discard(replaced)
        if self._is_closed:
            raise WorkerMissing("the pool is closed")
        worker = await WorkerProcess.start(self._command)
        self._workers.add(worker)
        self._note_lacks(worker.lacks)
        loop = asyncio.get_running_loop()
        self._used_at_s = loop.time()
        if self._idle_s and not self._rest_timer:
            self._rest_timer = loop.call_later(self._idle_s, self._rest)
        return worker

    def _note_lacks(self, lacks: tuple[str, ...]) -> None:
        """Log once what the system lacks."""
        if lacks and not self.lacks:
            event = "this system lacks a part of the sandbox"
            log.warning(event, parts=lacks, worker=self._module)
        self.lacks = lacks


async def _yield_whole(data: bytes) -> AsyncGenerator[bytes, None]:
    yield data
