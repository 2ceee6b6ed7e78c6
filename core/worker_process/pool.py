"""The side of the parent: children are started, given jobs, watched and replaced."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from typing import Any

from core.worker_process import (
    END,
    FAILED,
    HEAD,
    REFUSED,
    WORK,
    Frame,
    WorkerDied,
    WorkerError,
    WorkerMissing,
    WorkerRefused,
    WorkerStalled,
)

#: A child is not trusted: it may have been taken over by the file it reads.
_MAX_FRAME_BYTES = 512 * 2**20
_PART_BYTES = 256 * 1024
_START_S = 60.0
#: How long a child that was heard the end of may take to end.
_DYING_S = 1.0
#: Nothing but a name that some libraries cannot be imported without.
_ENVIRONMENT = {"PATH": ""}


class WorkerPool:
    """Up to `size` children that run `module`, started on first use or by `warm_up`.

    module: its main calls `serve`. arguments: its argv.
    recycle_after: jobs after which a child is replaced by a fresh one.
    """

    def __init__(
        self, module: str, *, size: int, arguments: Sequence[str] = (), recycle_after: int = 200
    ) -> None:
        self._command = (sys.executable, "-I", "-m", module, *arguments)
        self._recycle_after, self._is_closed = recycle_after, False
        #: One per child: the task that starts or started it, None before the first use. The last
        #: one used is used next, so that no more are started than work at once.
        self._slots: asyncio.Queue[asyncio.Task[_WorkerProcess] | None] = asyncio.LifoQueue()
        self._children: set[_WorkerProcess] = set()
        self._starting: set[asyncio.Task[_WorkerProcess]] = set()
        for _ in range(size):
            self._slots.put_nowait(None)

    async def warm_up(self, count: int | None = None) -> None:
        """Start so many children, or all, and wait until they are ready. Raises ChildMissing."""
        free = self._slots.qsize()
        slots = [self._slots.get_nowait() for _ in range(min(free, count or free))]
        tasks = [slot or self._start() for slot in slots]
        for task in tasks:
            self._slots.put_nowait(task)
        await asyncio.gather(*(asyncio.shield(task) for task in tasks))

    async def run(
        self, header: dict[str, Any], data: bytes = b"", *, stall_s: float = 20.0
    ) -> AsyncGenerator[Frame, None]:
        """Run one job and yield the child's frames as they come.

        Leave it early by closing it (`contextlib.aclosing`): the child is then replaced.
        stall_s: longest wait for the child; the time that the caller takes does not count.
        Raises ChildDied, ChildStalled, ChildRefused, ChildMissing.
        """
        if self._is_closed:
            raise WorkerMissing("the pool is closed")
        task = await self._slots.get() or self._start()
        try:
            child = await asyncio.shield(task)
            await child.begin(header, data, stall_s)
            while frame := await child.next_frame(stall_s):
                yield frame
        except WorkerDied:
            if self._is_closed:
                raise WorkerMissing("the pool was closed") from None
            raise
        finally:
            self._slots.put_nowait(self._renew(task))

    async def close(self) -> None:
        """End every child, busy or not."""
        self._is_closed = True
        await asyncio.gather(*self._starting, return_exceptions=True)
        await asyncio.gather(*(child.end() for child in self._children))

    def _renew(self, task: asyncio.Task[_WorkerProcess]) -> asyncio.Task[_WorkerProcess] | None:
        if not task.done():
            return task
        if task.cancelled() or task.exception() or self._is_closed:
            return None
        child = task.result()
        if child.is_idle and child.jobs < self._recycle_after:
            return task
        return self._start(instead_of=child)

    def _start(self, instead_of: _WorkerProcess | None = None) -> asyncio.Task[_WorkerProcess]:
        # A task of its own: the cancellation of one job must not lose the slot.
        task = asyncio.create_task(self._launch(instead_of))
        self._starting.add(task)
        task.add_done_callback(self._starting.discard)
        return task

    async def _launch(self, instead_of: _WorkerProcess | None) -> _WorkerProcess:
        if instead_of:
            await instead_of.end()
            self._children.discard(instead_of)
        if self._is_closed:
            raise WorkerMissing("the pool is closed")
        child = await _WorkerProcess.start(self._command)
        self._children.add(child)
        return child


class _WorkerProcess:
    """One child process, seen from its parent."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin and process.stdout
        self._process, self._stdin, self._stdout = process, process.stdin, process.stdout
        self._reading = asyncio.Lock()
        self.jobs = 0
        self.is_idle = False

    @classmethod
    async def start(cls, command: Sequence[str]) -> _WorkerProcess:
        """Start it and wait until it is ready. Raises ChildMissing."""
        pipe, nowhere = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
        try:
            process = await asyncio.create_subprocess_exec(
                *command, stdin=pipe, stdout=pipe, stderr=nowhere, env=_ENVIRONMENT, cwd="/",
                start_new_session=True,
                limit=_PART_BYTES,
            )  # fmt: skip
        except OSError as error:
            raise WorkerMissing(f"cannot start a child: {type(error).__name__}") from error
        child = cls(process)
        try:
            await child._receive(_START_S)
            child.is_idle = True
        except WorkerError as error:
            raise WorkerMissing(f"a child did not start: {error}") from error
        finally:
            if not child.is_idle:
                await child.end()
        return child

    async def begin(self, header: dict[str, Any], data: bytes, stall_s: float) -> None:
        """Hand over a job."""
        self.jobs, self.is_idle = self.jobs + 1, False
        head = json.dumps(header).encode()
        view = memoryview(data)
        try:
            self._stdin.write(HEAD.pack(WORK, len(head), len(data)) + head)
            for start in range(0, len(data), _PART_BYTES):
                self._stdin.write(view[start : start + _PART_BYTES])
                async with asyncio.timeout(stall_s):
                    await self._stdin.drain()
        except TimeoutError:
            raise WorkerStalled(f"took no data for {stall_s:.0f} s") from None
        except (BrokenPipeError, ConnectionResetError):
            raise await self._obituary() from None

    async def next_frame(self, stall_s: float) -> Frame | None:
        """Return what the job gives next, None at its end."""
        kind, (header, data) = await self._receive(stall_s)
        self.is_idle = kind == END or (kind == REFUSED and header.get("kind") != "memory")
        if kind == REFUSED:
            raise WorkerRefused(str(header.get("kind")), str(header.get("detail", "")))
        if kind == FAILED:
            raise WorkerDied(f"failed with {header.get('detail')}"[:200])
        return (header, data) if kind == WORK else None

    async def end(self) -> None:
        """Kill it and wait until nothing of it is left."""
        with suppress(ProcessLookupError):
            self._process.kill()
        self._stdin.close()
        async with self._reading:
            await self._stdout.read()  # asyncio sees the end of a process after that of its pipes
        await self._process.wait()

    async def _receive(self, stall_s: float) -> tuple[bytes, Frame]:
        try:
            async with asyncio.timeout(stall_s), self._reading:
                kind, head, data = HEAD.unpack(await self._stdout.readexactly(HEAD.size))
                if head + data > _MAX_FRAME_BYTES:
                    raise WorkerDied("its frame is too large")
                header = json.loads(await self._stdout.readexactly(head))
                if not isinstance(header, dict):
                    raise ValueError
                return kind, (header, await self._read(data))
        except TimeoutError:
            raise WorkerStalled(f"silent for {stall_s:.0f} s") from None
        except (asyncio.IncompleteReadError, ConnectionResetError):
            raise await self._obituary() from None
        except ValueError:
            raise WorkerDied("it spoke nonsense") from None

    async def _read(self, size: int) -> bytes:
        # In parts: one large read would be copied while the event loop stands still.
        parts = [
            await self._stdout.readexactly(min(_PART_BYTES, size - start))
            for start in range(0, size, _PART_BYTES)
        ]
        return b"".join(parts)

    async def _obituary(self) -> WorkerDied:
        # Its own end first: if a signal meets it there, asyncio loses how it ended and says 255.
        self._stdin.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(_DYING_S), self._reading:
                await self._stdout.read()
                await self._process.wait()
        await self.end()
        return WorkerDied(f"ended with {self._process.returncode}")
