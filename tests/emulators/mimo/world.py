"""State of the local MiMo: rules, recorded requests, billing, rate limits and faults."""

from __future__ import annotations

import itertools
from collections import defaultdict, deque
from dataclasses import dataclass, field
from typing import Any

from core.clock import Clock
from tests.emulators.mimo.answering import Script
from tests.emulators.mimo.contract import MODELS, too_many
from tests.emulators.mimo.faults import FaultPlan
from tests.support.virtual_time import current_clock

_WINDOW_S = 60.0


@dataclass
class Rules:
    """Behaviour of the server; may be changed while it runs."""

    key: str = "sk-emulator-key"
    models: tuple[str, ...] = MODELS
    #: A response takes `latency_s + duration * realtime_factor` seconds.
    latency_s: float = 0.0
    realtime_factor: float = 0.0
    #: Size (may be odd) and interval of the chunks of streamed speech.
    chunk_bytes: int = 9600
    chunk_latency_s: float = 0.0
    #: Whether the account's rate limits are enforced, per model and sliding minute.
    has_limits: bool = False
    calls_per_minute: int = 100
    #: For the ASR model; other models may use a thousand times as many.
    tokens_per_minute: int = 10_000
    #: Context window of the chat models; None = as documented.
    context_tokens: int | None = None


@dataclass
class RecordedRequest:
    """A request of the bot and its outcome."""

    number: int
    #: Seconds of the monotonic clock.
    started_at_s: float
    ended_at_s: float | None = None
    method: str = ""
    path: str = ""
    #: None if no response was sent.
    status: int | None = None
    model: str = ""
    language: str = ""
    is_streamed: bool = False
    audio_bytes: int = 0
    sha256: str = ""
    duration_s: float = 0.0
    tokens: int = 0
    text: str = ""
    is_billed: bool = False
    fault: str = ""
    #: Which header brought the key: api-key, authorization, both or neither.
    key_header: str = ""
    #: The request body; except for synthesis, each recording's base64 is replaced by its sha256.
    body: dict[str, Any] = field(default_factory=dict)
    #: Of a chat request: the last text of the user, and the recordings in all messages.
    question: str = ""
    recordings: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class World:
    """The state of one server."""

    rules: Rules = field(default_factory=Rules)
    plan: FaultPlan = field(default_factory=FaultPlan)
    #: Transcripts by the recording's sha256.
    texts: dict[str, str] = field(default_factory=dict)
    #: Answers to questions, in order of precedence.
    scripts: list[Script] = field(default_factory=list)
    #: Files that requests may refer to by URL.
    urls: dict[str, bytes] = field(default_factory=dict)
    requests: list[RecordedRequest] = field(default_factory=list)
    under_way: int = 0
    max_concurrent: int = 0
    _clock: Clock = field(default_factory=current_clock)
    _numbers: itertools.count[int] = field(default_factory=itertools.count)
    _starts: defaultdict[str, deque[float]] = field(default_factory=lambda: defaultdict(deque))
    _tokens: defaultdict[str, deque[tuple[float, int]]] = field(
        default_factory=lambda: defaultdict(deque)
    )

    def begin(self, method: str, path: str) -> RecordedRequest:
        self.under_way += 1
        self.max_concurrent = max(self.max_concurrent, self.under_way)
        recorded = RecordedRequest(
            next(self._numbers), self._clock.monotonic(), method=method, path=path
        )
        self.requests.append(recorded)
        return recorded

    def end(self, recorded: RecordedRequest) -> None:
        self.under_way -= 1
        recorded.ended_at_s = self._clock.monotonic()

    def reset(self) -> None:
        self.rules, self.plan = Rules(), FaultPlan()
        self.max_concurrent = self.under_way
        for kept in (
            self.texts,
            self.scripts,
            self.urls,
            self.requests,
            self._starts,
            self._tokens,
        ):
            kept.clear()

    def check_limits(self, model: str) -> None:
        """Count a request. Raises ApiError if a rate limit of the account is reached."""
        if not self.rules.has_limits:
            return
        now_s = self._clock.monotonic()
        starts, tokens = self._starts[model], self._tokens[model]
        while starts and starts[0] < now_s - _WINDOW_S:
            starts.popleft()
        while tokens and tokens[0][0] < now_s - _WINDOW_S:
            tokens.popleft()
        limit = self.rules.tokens_per_minute * (1 if "asr" in model else 1000)
        used = sum(count for _, count in tokens)
        if len(starts) >= self.rules.calls_per_minute or used >= limit:
            raise too_many()
        starts.append(now_s)

    def bill(self, recorded: RecordedRequest, tokens: int) -> None:
        recorded.is_billed, recorded.tokens = True, tokens
        self._tokens[recorded.model].append((self._clock.monotonic(), tokens))
