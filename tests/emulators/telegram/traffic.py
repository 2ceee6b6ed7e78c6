"""The ledger of calls, the limits on them, and the faults that tests ask for."""

from __future__ import annotations

import math
from collections import defaultdict, deque
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from tests.emulators.common import FaultRule
from tests.emulators.telegram.world import Clock


@dataclass(slots=True)
class RecordedRequest:
    """One call of the bot, as the server saw it."""

    method: str
    params: dict[str, Any]
    #: Seconds of the server's monotonic clock.
    received_at: float
    chat_id: int | None = None
    #: HTTP status of the answer; 0 while there is none, or when it was never sent.
    status: int = 0
    #: When the answer was written, on the same clock; 0 while it was not, or came too late.
    responded_at: float = 0.0
    #: The connection that it came by, and when that one ended: 0 while it is open.
    connection: int = 0
    disconnected_at: float = 0.0
    #: The error's words.
    error: str = ""
    #: What the call made or changed, if it is a message.
    message_id: int | None = None
    #: Name of the fault that met it.
    fault: str = ""


@dataclass(slots=True)
class Fault(FaultRule):
    """A rule for calls whose method fits `pattern` ("send*"; "download" for files)."""

    chat_id: int | None = None
    #: Seconds, for status 429.
    retry_after: int | None = None
    #: Bytes per second of `slow`.
    bytes_per_s: float = 10_000.0

    def matches(self, method: str, chat_id: int | None) -> bool:
        is_there = self.chat_id is None or self.chat_id == chat_id
        return is_there and fnmatchcase(method.lower(), self.pattern.lower())


@dataclass(slots=True)
class _Window:
    """At most `size` events in any `span_s` seconds."""

    size: int
    span_s: float
    events: deque[float] = field(default_factory=deque)

    def wait_s(self, now: float) -> float:
        while self.events and self.events[0] <= now - self.span_s:
            self.events.popleft()
        return self.events[0] + self.span_s - now if len(self.events) >= self.size else 0.0

    def add(self, now: float) -> None:
        self.events.append(now)


@dataclass(slots=True)
class _Bucket:
    """One event per second on average, `size` at once after a rest."""

    size: float
    level: float = 0.0
    at: float = 0.0

    def wait_s(self, now: float) -> float:
        self.level = max(0.0, self.level - (now - self.at))
        self.at = now
        return max(0.0, self.level + 1 - self.size)

    def add(self, now: float) -> None:
        self.level += 1


class Limits:
    """Telegram's flood limits for sends and edits; off, they are only counted.

    1 per second in a private chat (3 at once), 20 per minute in a group, 30 per second in all.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.is_strict = False
        self.violations: dict[int, int] = defaultdict(int)
        self._all = _Window(30, 1.0)
        self._private: defaultdict[int, _Bucket] = defaultdict(lambda: _Bucket(3))
        self._groups: defaultdict[int, _Window] = defaultdict(lambda: _Window(20, 60.0))

    def check(self, chat_id: int) -> int:
        """Count one send or edit; return 0 or the seconds to wait, in which case it is refused.

        While the limits are not strict, what goes over is counted as sent all the same.
        """
        now = self._clock.monotonic()
        chat = self._private[chat_id] if chat_id > 0 else self._groups[chat_id]
        wait_s = max(self._all.wait_s(now), chat.wait_s(now))
        if wait_s > 0:
            self.violations[chat_id] += 1
        if wait_s <= 0 or not self.is_strict:
            self._all.add(now)
            chat.add(now)
        return math.ceil(wait_s) if wait_s > 0 else 0
