"""Named steps between intake and delivery, and killing the process at one of them.

The functions of the program are wrapped from outside.
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
    """A function, "module:Class.method", and whether to kill before or after its call."""

    function: str
    side: Literal["before", "after"]
    #: Counts only calls whose second argument is this part of a reply.
    part: int | None = None


POINTS = {
    "S0 update received": Point("core.store.work.intake:Intake.add", "before"),
    "S1 message committed": Point("core.store.work.intake:Intake.add", "after"),
    "S2 job claimed": Point("core.store.work.jobs:Jobs.claim", "after"),
    "S3 placeholder sent": Point(
        "core.store.work.deliveries:StoredLedger.finish", "before", PLACEHOLDER
    ),
    "S4 downloading": Point("bots.telegram_bot.incoming.files:TelegramFiles._download", "before"),
    "S5 decoding": Point("core.worker_process.pool:_WorkerProcess.send_request", "after"),
    "S6 transcribing": Point("core.engines.wire.role:read_event", "before"),
    "S7 transcribed": Point("core.store.work.results:Results.save", "before"),
    "S8 reply saved": Point("core.store.work.jobs:Jobs.save_reply", "after"),
    "S9 reply sent": Point("core.store.work.deliveries:StoredLedger.finish", "before", 0),
    "S10 between parts": Point("core.store.work.deliveries:StoredLedger.finish", "after", 0),
    "SX part 1 sent": Point("core.store.work.deliveries:StoredLedger.finish", "before", 1),
    # Without a live message before it, the last part of a reply ends its job by itself.
    "SX reply delivered": Point("core.store.work.jobs:Jobs.finish", "before"),
    "SX job ended": Point("core.jobs.steps:JobSteps._note_end", "before"),
}

#: The same where many processes run jobs.
SHARED_POINTS = {
    ("S2 job begun" if name.startswith("S2") else name): (
        Point("core.store.work.shared_jobs:SharedJobs.begin", "after")
        if name.startswith("S2")
        else point
    )
    for name, point in POINTS.items()
}

#: The steps of synthesis, before those of every reply.
SPEECH_POINTS = {
    "V1 synthesizing": Point("core.engines.mimo.speech_wire:read_speech_event", "before"),
    "V2 synthesized": Point("core.store.work.results:Results.save_audio", "before"),
    "V3 piece saved": Point("core.store.work.results:Results.save_audio", "after"),
}

#: The steps of answering a question.
ANSWER_POINTS = {
    "A1 question sent": Point("core.answering.pipeline:AnsweringPipeline._call", "before"),
    "A2 answer received": Point("core.store.work.results:Results.save_answer", "before"),
    "A3 answer saved": Point("core.store.work.results:Results.save_answer", "after"),
    "A4 read position saved": Point("core.store.talk.memory:Memory.note_read", "after"),
    "A5 audio prepared": Point("core.audio.media:Media.prepare", "after"),
    "A6 answering": Point("core.engines.wire.role:read_event", "before"),
}

#: The steps of correcting a transcript.
FIX_POINTS = {
    "F1 correction saved": Point("core.store.chats:Chats.save_settings", "after"),
    "F2 reply replaced": Point("core.store.work.jobs:Jobs.redo", "after"),
}

#: The step of an interaction that Discord's other messages do not have.
INTERACTION_POINTS = {
    "SI deferred": Point("bots.discord_bot.interactions.receiving:Interactions._defer", "after"),
}

#: Between a request to the webhook and the response that confirms it.
WEBHOOK_POINTS = {
    "SW request received": Point(
        "bots.telegram_bot.incoming.endpoint:UpdateEndpoint._take", "before"
    ),
    "SW committed": Point("bots.telegram_bot.incoming.endpoint:UpdateEndpoint._take", "after"),
}

#: Each statement of a migration.
MIGRATION_POINTS = {
    "S11 migrating": Point("alembic.ddl.impl:DefaultImpl._exec", "before"),
    "S11 migrated": Point("core.store.database.migrate:_upgrade", "after"),
}

ALL_POINTS = (
    INTERACTION_POINTS
    | WEBHOOK_POINTS
    | POINTS
    | SHARED_POINTS
    | SPEECH_POINTS
    | ANSWER_POINTS
    | FIX_POINTS
    | MIGRATION_POINTS
)


def is_in_window(name: str) -> bool:
    """Return whether a kill at this step leaves a message sent but its id not saved."""
    point = ALL_POINTS[name]
    return point.side == "before" and point.function.endswith("StoredLedger.finish")


def find_owner(place: str) -> tuple[Any, str]:
    """Return the module or class that `place`, "module:Class.name", belongs to, and the name.

    Raises AttributeError if there is none.
    """
    module, _, path = place.partition(":")
    owner: Any = import_module(module)
    *owners, name = path.split(".")
    for one in owners:
        owner = getattr(owner, one)
    getattr(owner, name)
    return owner, name


def arm(name: str, count: int = 1, *, is_late: bool = False) -> None:
    """Kill this process at the `count`-th pass of the step `name`.

    is_late: count passes only after SIGUSR1.
    """
    point = ALL_POINTS[name]
    owner, last = find_owner(point.function)
    function = getattr(owner, last)
    trigger = _Trigger(point, count)
    if is_late:
        trigger.is_live = False
        signal.signal(signal.SIGUSR1, lambda *_: setattr(trigger, "is_live", True))
    wrap = _wrap_async if inspect.iscoroutinefunction(function) else _wrap_plain
    setattr(owner, last, functools.wraps(function)(wrap(function, trigger)))


class _Trigger:
    def __init__(self, point: Point, count: int) -> None:
        self._point, self._left = point, count
        self.is_live = True

    def count(self, side: str, arguments: tuple[Any, ...], result: object = True) -> None:
        """Count a matching call; one without a result does not count."""
        if side != self._point.side or result is None or not self.is_live:
            return
        if self._point.part is not None and arguments[1] != self._point.part:
            return
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def _wrap_async(function: Callable[..., Any], trigger: _Trigger) -> Callable[..., Any]:
    async def run(*arguments: Any, **named: Any) -> Any:
        trigger.count("before", arguments)
        result = await function(*arguments, **named)
        trigger.count("after", arguments, _outcome(function, result))
        return result

    return run


def _wrap_plain(function: Callable[..., Any], trigger: _Trigger) -> Callable[..., Any]:
    def run(*arguments: Any, **named: Any) -> Any:
        trigger.count("before", arguments)
        result = function(*arguments, **named)
        trigger.count("after", arguments, _outcome(function, result))
        return result

    return run


def _outcome(function: Callable[..., Any], result: object) -> object:
    """Return None for a call of claim or add that did nothing."""
    return result if function.__name__ in ("claim", "add") else True
