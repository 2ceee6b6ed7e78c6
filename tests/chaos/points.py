"""The named steps of the road, and how a process comes to its end at one of them.

The program itself knows nothing of this: its functions are wrapped from outside.
"""

from __future__ import annotations

import functools
import inspect
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal

from core.models import PLACEHOLDER


@dataclass(frozen=True, slots=True)
class Point:
    """A function of the program, and on which side of its call the process ends."""

    function: str
    side: Literal["before", "after"]
    #: Only calls count whose second argument is this: the part of a reply.
    part: int | None = None


POINTS = {
    "S0 updates read": Point("core.store.work.intake:Intake.add", "before"),
    "S1 message committed": Point("core.store.work.intake:Intake.add", "after"),
    "S2 job claimed": Point("core.store.work.jobs:Jobs.claim", "after"),
    "S3 placeholder sent": Point(
        "core.store.work.deliveries:StoredLedger.finish", "before", PLACEHOLDER
    ),
    "S4 downloading": Point("bots.telegram_bot.incoming.files:TelegramFiles._download", "before"),
    "S5 decoding": Point("core.worker_process.pool:_WorkerProcess.send_request", "after"),
    "S6 being heard": Point("core.engines.wire.role:read_event", "before"),
    "S7 heard": Point("core.store.work.results:Results.save", "before"),
    "S8 reply saved": Point("core.store.work.jobs:Jobs.save_reply", "after"),
    "S9 reply sent": Point("core.store.work.deliveries:StoredLedger.finish", "before", 0),
    "S10 between parts": Point("core.store.work.deliveries:StoredLedger.finish", "after", 0),
    "SX part 1 sent": Point("core.store.work.deliveries:StoredLedger.finish", "before", 1),
    "SX reply delivered": Point("core.store.work.jobs:Jobs.finish", "before"),
    "SX job ended": Point("core.store.work.jobs:Jobs.finish", "after"),
}

#: The steps of speech out; the rest of its way is that of every reply.
SPEECH_POINTS = {
    "V1 being spoken": Point("core.engines.mimo.speech_wire:read_speech_event", "before"),
    "V2 spoken": Point("core.store.work.results:Results.save_sound", "before"),
    "V3 piece kept": Point("core.store.work.results:Results.save_sound", "after"),
}

#: The steps of questions.
ANSWER_POINTS = {
    "A1 asking": Point("core.answering.pipeline:AnsweringPipeline._call", "before"),
    "A2 answered": Point("core.store.work.results:Results.save_answer", "before"),
    "A3 answer kept": Point("core.store.work.results:Results.save_answer", "after"),
    "A4 reading noted": Point("core.store.talk.memory:Memory.note_read", "after"),
    "A5 sound made ready": Point("core.audio.media:Media.prepare", "after"),
    "A6 being answered": Point("core.engines.wire.role:read_event", "before"),
}

#: The steps of a correction.
FIX_POINTS = {
    "F1 correction kept": Point("core.store.chats:Chats.save_settings", "after"),
    "F2 to be mended": Point("core.store.work.jobs:Jobs.redo", "after"),
}

#: Each statement of a migration.
MIGRATION_POINTS = {
    "S11 migrating": Point("alembic.ddl.impl:DefaultImpl._exec", "before"),
    "S11 migrated": Point("core.store.database.migrate:_upgrade", "after"),
}

ALL_POINTS = POINTS | SPEECH_POINTS | ANSWER_POINTS | FIX_POINTS | MIGRATION_POINTS


def is_in_window(name: str) -> bool:
    """Tell whether a kill at this step leaves a message sent and Telegram's answer not kept."""
    point = ALL_POINTS[name]
    return point.side == "before" and point.function.endswith("StoredLedger.finish")


def arm(name: str, count: int = 1, *, is_late: bool = False) -> None:
    """Let this process be killed at the `count`-th pass of the step called `name`.

    is_late: passes count only from SIGUSR1 on.
    """
    point = ALL_POINTS[name]
    module, _, path = point.function.partition(":")
    owner: Any = import_module(module)
    *names, last = path.split(".")
    for one in names:
        owner = getattr(owner, one)
    function = getattr(owner, last)
    bomb = _Bomb(point, count)
    if is_late:
        bomb.is_live = False
        signal.signal(signal.SIGUSR1, lambda *_: setattr(bomb, "is_live", True))
    wrap = _wrap_async if inspect.iscoroutinefunction(function) else _wrap_plain
    setattr(owner, last, functools.wraps(function)(wrap(function, bomb)))


class _Bomb:
    def __init__(self, point: Point, count: int) -> None:
        self._point, self._left = point, count
        self.is_live = True

    def pass_(self, side: str, arguments: tuple[Any, ...], result: object = True) -> None:
        """Count a pass that fits; a call that came to nothing is none."""
        if side != self._point.side or result is None or not self.is_live:
            return
        if self._point.part is not None and arguments[1] != self._point.part:
            return
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def _wrap_async(function: Callable[..., Any], bomb: _Bomb) -> Callable[..., Any]:
    async def run(*arguments: Any, **named: Any) -> Any:
        bomb.pass_("before", arguments)
        result = await function(*arguments, **named)
        bomb.pass_("after", arguments, _outcome(function, result))
        return result

    return run


def _wrap_plain(function: Callable[..., Any], bomb: _Bomb) -> Callable[..., Any]:
    def run(*arguments: Any, **named: Any) -> Any:
        bomb.pass_("before", arguments)
        result = function(*arguments, **named)
        bomb.pass_("after", arguments, _outcome(function, result))
        return result

    return run


def _outcome(function: Callable[..., Any], result: object) -> object:
    """What tells whether a call did something: claim and add return None when they did not."""
    return result if function.__name__ in ("claim", "add") else True
