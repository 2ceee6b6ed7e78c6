"""Recorded requests, faults and flood limits of the local Telegram."""

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
    """A request of the bot, as the server received it."""

    method: str
    params: dict[str, Any]
    #: Seconds of the server's monotonic clock.
    received_at: float
    chat_id: int | None = None
    #: HTTP status of the response; 0 before it, or if it was never sent.
    status: int = 0
    #: When the response was sent, on the same clock; 0 if it was not, or too late.
    responded_at: float = 0.0
    #: The request's connection, and when it was closed: 0 while it is open.
    connection: int = 0
    disconnected_at: float = 0.0
    #: Description of the error.
    error: str = ""
    #: The message that was sent, edited or deleted.
    message_id: int | None = None
    #: Kind of the fault that was applied.
    fault: str = ""


@dataclass(slots=True)
class Fault(FaultRule):
    """A fault for requests whose method matches `pattern` ("send*"; "download" for files)."""

    chat_id: int | None = None
    #: Seconds, for status 429.
    retry_after: int | None = None
    #: Bytes per second, for `slow`.
    bytes_per_s: float = 10_000.0

    def matches(self, method: str, chat_id: int | None) -> bool:
        is_there = self.chat_id is None or self.chat_id == chat_id
        return is_there and fnmatchcase(method.lower(), self.pattern.lower())


@dataclass(slots=True)
class _Window:
    """Sliding window: at most `size` requests in any `span_s` seconds."""

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
    """Token bucket: one request per second on average, `size` at once after a pause."""

    size: float
    level: float = 0.0
    at: float = 0.0

    def wait_s(self, now: float) -> float:
        self.level = max(0.0, self.level - (now - self.at))
        self.at = now
        return max(0.0, self.level + 1 - self.size)

    def add(self, now: float) -> None:
        self.level += 1


#: Uploads of the same size are spaced if they are larger than this, refused if so far behind.
SPACED_BYTES, SPACING_S, MOST_BEHIND_S, REFUSED_S = 100_000, 0.5, 5.0, 60


class Limits:
    """Telegram's flood limits for sent and edited messages; counted only, unless strict.

    1 per second in a private chat (3 at once), 20 per minute in a group, 30 per second in total.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.is_strict = False
        self.violations: dict[int, int] = defaultdict(int)
        self._all = _Window(30, 1.0)
        self._private: defaultdict[int, _Bucket] = defaultdict(lambda: _Bucket(3))
        self._groups: defaultdict[int, _Window] = defaultdict(lambda: _Window(20, 60.0))
        #: When the next upload of each size may be sent.
        self._sizes: defaultdict[int, float] = defaultdict(float)

    def check(self, chat_id: int) -> int:
        """Count a sent or edited message; return the seconds to wait, or 0 if it is within limits.

        While the limits are not strict, a message over a limit counts as sent, too.
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

    def space(self, size: int) -> float:
        """Return how long an upload of so many bytes waits for others of the same size.

        Infinite if it is refused. Source: tdlib/telegram-bot-api `Client.cpp` (`on_cmd`).
        """
        if size <= SPACED_BYTES or not self.is_strict:
            return 0.0
        now = self._clock.monotonic()
        at = max(now, self._sizes[size])
        if at > now + MOST_BEHIND_S:
            return math.inf
        self._sizes[size] = at + SPACING_S
        return at - now
