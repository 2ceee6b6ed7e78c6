"""What the service knows: its rules, what it was asked, what it billed, what is to go wrong."""

from __future__ import annotations

import itertools
import time
from collections import deque
from dataclasses import dataclass, field

from tests.emulators.mimo.contract import MODELS, too_many
from tests.emulators.mimo.faults import FaultPlan

_WINDOW_S = 60.0


@dataclass
class Rules:
    """How the service behaves; may be changed while it runs."""

    key: str = "sk-emulator-key"
    models: tuple[str, ...] = MODELS
    #: An answer takes `latency_s + duration * realtime_factor` seconds.
    latency_s: float = 0.0
    realtime_factor: float = 0.0
    #: Whether the limits of the account are enforced, per sliding minute.
    has_limits: bool = False
    calls_per_minute: int = 100
    tokens_per_minute: int = 10_000


@dataclass
class Call:
    """One line of the ledger."""

    number: int
    #: Seconds of the monotonic clock.
    started_at_s: float
    ended_at_s: float | None = None
    method: str = ""
    path: str = ""
    #: None where no answer was given.
    status: int | None = None
    model: str = ""
    language: str = ""
    is_streamed: bool = False
    sound_bytes: int = 0
    sha256: str = ""
    duration_s: float = 0.0
    tokens: int = 0
    text: str = ""
    is_billed: bool = False
    fault: str = ""
    #: Which header brought the key: api-key, authorization, both or neither.
    key_header: str = ""


@dataclass
class World:
    """The whole state of one server."""

    rules: Rules = field(default_factory=Rules)
    plan: FaultPlan = field(default_factory=FaultPlan)
    #: sha256 of a sound to what is said in it.
    texts: dict[str, str] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    under_way: int = 0
    most_under_way: int = 0
    _numbers: itertools.count[int] = field(default_factory=itertools.count)
    _starts: deque[float] = field(default_factory=deque)
    _tokens: deque[tuple[float, int]] = field(default_factory=deque)

    def begin(self, method: str, path: str) -> Call:
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        call = Call(next(self._numbers), time.monotonic(), method=method, path=path)
        self.calls.append(call)
        return call

    def end(self, call: Call) -> None:
        self.under_way -= 1
        call.ended_at_s = time.monotonic()

    def reset(self) -> None:
        self.rules, self.plan = Rules(), FaultPlan()
        self.most_under_way = self.under_way
        for kept in (self.texts, self.calls, self._starts, self._tokens):
            kept.clear()

    def check_limits(self) -> None:
        """Count a call in. Raises Refusal if the account's minute is used up."""
        if not self.rules.has_limits:
            return
        now_s = time.monotonic()
        while self._starts and self._starts[0] < now_s - _WINDOW_S:
            self._starts.popleft()
        while self._tokens and self._tokens[0][0] < now_s - _WINDOW_S:
            self._tokens.popleft()
        used = sum(count for _, count in self._tokens)
        if len(self._starts) >= self.rules.calls_per_minute or used >= self.rules.tokens_per_minute:
            raise too_many()
        self._starts.append(now_s)

    def bill(self, call: Call, tokens: int) -> None:
        call.is_billed, call.tokens = True, tokens
        self._tokens.append((time.monotonic(), tokens))
