"""One life of the process, from its start to its crash, on a loop that stops at any await point."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from concurrent.futures import Executor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from bots.common.chat import finish_call
from core.audio.frames import Piece
from core.interfaces import DeliveryTarget
from core.models import (
    PLACEHOLDER,
    Answer,
    Audio,
    DeliveryState,
    Message,
    Question,
    Reply,
    Transcript,
    Usage,
)
from tests.stateful.outside import Place, Service
from tests.support.clean_start import open_store, settle
from tests.support.loopback import Loopback, ScriptedAnswerer, ScriptedTranscriber
from tests.support.loopback_platform import LoopbackPlatform
from tests.support.thread_media import ThreadMedia
from tests.support.virtual_time import VirtualLoop

Result = TypeVar("Result")
#: Virtual time after which a job that has not ended never will.
_LONGEST_S = 5000.0
#: A text that is longer is sent in two parts.
_ONE_PART_CHARS = 30
#: Of the loop, before the disk has what is written: a crash may come in each of them.
_DISK_STEPS = 3
#: Of the loop, until all tasks of a process that has crashed are gone.
_MOST_ROUNDS = 200


class SteppedLoop(VirtualLoop):
    """A virtual loop on which everything happens in the same order each time.

    What others do in threads is done between two steps. Nothing reaches the disk any more once the
    process is dead.
    """

    is_dead = False

    def run_in_executor(  # type: ignore[override]
        self, executor: Executor | None, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        future: asyncio.Future[Any] = self.create_future()
        if self.is_dead:
            future.cancel()
        else:
            self._wait(_DISK_STEPS, future, partial(func, *args))
        return future

    def _wait(self, steps: int, future: asyncio.Future[Any], work: Callable[[], Any]) -> None:
        if steps:
            self.call_soon(self._wait, steps - 1, future, work)
        elif not (self.is_dead or future.done()):
            self._do(future, work)

    def _do(self, future: asyncio.Future[Any], work: Callable[[], Any]) -> None:
        try:
            future.set_result(work())
        except StopIteration as error:
            future.set_exception(RuntimeError(repr(error)))
        except BaseException as error:  # noqa: BLE001  # as an executor does
            future.set_exception(error)


class _Transcriber(ScriptedTranscriber):
    def __init__(self, service: Service) -> None:
        super().__init__()
        self._service = service

    async def transcribe(self, audio: Audio, **_options: Any) -> Transcript:
        text = await self._service.perform(audio.data.decode())
        usage = Usage(self.name, self.model, audio.duration_s)
        return Transcript(text, duration_s=audio.duration_s, usage=usage)


class _Answerer(ScriptedAnswerer):
    def __init__(self, service: Service) -> None:
        super().__init__()
        self._service = service

    async def answer(self, question: Question, **_options: Any) -> Answer:
        text = await self._service.perform(question.turns[-1].text)
        return Answer(text, usage=Usage(self.name, self.model, 0.0, 10, 10))


class _WholeMedia(ThreadMedia):
    """Takes each recording for one piece, as it is: what it says is what it is."""

    async def pieces(self, recording: Any, *_: Any, **_options: Any) -> AsyncGenerator[Piece, None]:
        audio = Audio(recording, "audio/wav", 3.0)
        yield Piece(0, 0.0, audio, has_speech=True, is_forced=False, is_whole=True)


class _Platform(LoopbackPlatform):
    """Delivers as `bots.telegram_bot` does, in up to two parts."""

    def __init__(self, place: Place, loop: SteppedLoop) -> None:
        super().__init__()
        self._place, self._loop = place, loop

    async def fetch(self, message: Message) -> bytes:
        await asyncio.sleep(0.1)
        return message.sender_name.encode()

    async def deliver(self, target: DeliveryTarget, reply: Reply) -> None:
        ledger = target.ledger
        was_begun, placeholder = await ledger.find(0), await ledger.find(PLACEHOLDER)
        parts = cut(reply)
        ledger.expect(len(parts))
        held_id = placeholder.platform_id if placeholder and target.message.message_id else ""
        for number, text in enumerate(parts):
            known = await ledger.find(number)
            if known and known.state is DeliveryState.SENT:
                continue
            edit_id = known.platform_id if known and target.message.message_id else ""
            edit_id = edit_id or (held_id if number == 0 else "")
            await finish_call(self._send_recorded(target, number, text, edit_id))
        if held_id and not parts:
            await self._place.delete(held_id)
        if was_begun:
            await self._delete_surplus(target, len(parts))
        if target.message.command == "cancel":
            self._place.cancelled.update(target.message.text.split())

    async def _send_recorded(
        self, target: DeliveryTarget, number: int, text: str, edit_id: str
    ) -> None:
        await target.ledger.start(number)
        chat = target.message.chat
        platform_id = await self._place.send(target.job_id, chat, number, text, edit_id)
        await finish_call(target.ledger.finish(number, platform_id))
        if platform_id in self._place.visible:
            self._place.visible[platform_id].is_confirmed = True

    async def _delete_surplus(self, target: DeliveryTarget, count: int) -> None:
        surplus = list[str]()
        while known := await target.ledger.find(count + len(surplus)):
            surplus.append(known.platform_id)
        for number, platform_id in reversed([*enumerate(surplus, count)]):
            if platform_id and target.message.message_id:
                await self._place.delete(platform_id)
            await target.ledger.forget(number)


def cut(reply: Reply) -> list[str]:
    """Return the parts of a reply, none if it is empty."""
    text = "\n".join(one for one in (reply.text, reply.quote) if one)
    if reply == Reply():
        return []
    middle = len(text) // 2
    return [text[:middle], text[middle:]] if len(text) > _ONE_PART_CHARS else [text or "…"]


class Life:
    """The process, on a database that may have been used before."""

    def __init__(self, home: Path, place: Place, service: Service, began_s: float) -> None:
        """began_s: virtual seconds that have passed before it starts."""
        self.loop, self._place, self._service = SteppedLoop(), place, service
        self.loop.advance(began_s - self.loop.time())
        self._has_updates = asyncio.Event()
        self._tasks = list[asyncio.Task[None]]()
        self.run(self._start(home))

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Return the result of `work`; everything else goes on meanwhile."""
        return self.loop.run_until_complete(work)

    async def _start(self, home: Path) -> None:
        self.store = open_store(home)
        await self.store.load()
        engine, answerer = _Transcriber(self._service), _Answerer(self._service)
        self.loopback = Loopback(self.store, engine, _WholeMedia(), None, answerer)
        self.inbox = self.loopback.inbox
        platforms: Any = self.inbox.platforms
        platforms["test"] = _Platform(self._place, self.loop)
        self._tasks = [asyncio.create_task(self._take_in())]
        self._tasks.append(asyncio.create_task(self.loopback.worker.run()))

    async def _take_in(self) -> None:
        """Commit each update before it is acknowledged."""
        while True:
            while self._place.updates:
                await self.inbox.accept(self._place.updates[0])
                self._place.acknowledged.append(self._place.updates.popleft())
            self._has_updates.clear()
            await self._has_updates.wait()

    def wake(self) -> None:
        """Let it see new updates."""
        self._has_updates.set()

    async def step(self, count: int) -> None:
        """Go on for a number of await points; no time passes."""
        for _ in range(count):
            await asyncio.sleep(0)

    async def sleep(self, seconds: float) -> None:
        """Let time pass."""
        await asyncio.sleep(seconds)

    async def drain(self) -> None:
        """Go on until every update is taken and every job has ended."""
        async with asyncio.timeout(_LONGEST_S):
            while self._place.updates:
                await asyncio.sleep(1.0)
            await settle(self.store)

    def check(self) -> None:
        """Raise what has ended a task that has to go on for ever."""
        for task in self._tasks:
            if task.done():
                task.result()

    def crash(self) -> float:
        """End at once: nothing is finished, and all that was in memory is lost. Return when."""
        self.loop.is_dead, ended_s = True, self.loop.time()
        self.loop.set_exception_handler(lambda *_: None)
        for _ in range(_MOST_ROUNDS):
            left = asyncio.all_tasks(self.loop)
            if not left:
                break
            for task in left:
                task.cancel()
            with suppress(asyncio.CancelledError):
                self.run(asyncio.sleep(0))
        database: Any = self.store._database
        for side in (database._writer, database._readers):
            side.engine.dispose()
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.close()
        return ended_s
