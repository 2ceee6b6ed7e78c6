"""Recorded requests, faults and rate limits of the local Discord."""

from __future__ import annotations

import hashlib
import math
from collections import defaultdict, deque
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Literal

from tests.emulators.common import FaultRule
from tests.emulators.telegram.world import Clock

Scope = Literal["user", "shared", "global"]

#: So many invalid requests within this time lead to a ban.
MAX_INVALID, INVALID_SPAN_S = 10_000, 600.0


@dataclass(slots=True)
class RecordedRequest:
    """A request of the bot, as the server received it."""

    #: Method and path template: "POST /channels/{channel}/messages".
    route: str
    #: The actual path, relative to the API's base URL.
    path: str
    #: Seconds of the server's monotonic clock.
    received_at: float
    body: Any = None
    #: Names of the uploaded files.
    files: list[str] = field(default_factory=list)
    #: HTTP status of the response; 0 before it, or if it was never sent.
    status: int = 0
    #: Discord's error code and message.
    code: int = 0
    error: str = ""
    #: The message that was sent, edited or deleted.
    message_id: str | None = None
    #: Kind of the fault that was applied.
    fault: str = ""


@dataclass(slots=True)
class Fault(FaultRule):
    """A fault for requests whose route or path matches `pattern`.

    "POST */messages" matches "POST /channels/{channel}/messages", "POST /channels/12/messages" a
    single channel; downloads are "GET /cdn".
    """

    #: Discord's error code.
    code: int = 0
    #: Seconds and scope, for `rate_limit`.
    retry_after: float = 1.0
    scope: Scope = "user"
    #: Bytes per second, for `slow`.
    bytes_per_s: int = 1
    #: Response headers, for `html`.
    headers: dict[str, str] = field(default_factory=dict)

    def matches(self, route: str, path: str) -> bool:
        return fnmatchcase(route, self.pattern) or fnmatchcase(path, self.pattern)


@dataclass(slots=True)
class Bucket:
    """Rate limit bucket: at most `limit` requests within `span_s` of the first one."""

    name: str
    limit: int
    span_s: float
    used: int = 0
    reset_at: float = 0.0

    def take(self, now: float) -> float:
        """Count a request and return 0, or return the seconds to wait without counting it."""
        if now >= self.reset_at:
            self.used, self.reset_at = 0, now + self.span_s
        if self.used >= self.limit:
            return self.reset_at - now
        self.used += 1
        return 0.0


#: Route -> requests and seconds. Discord documents none; these are from its response headers.
_RULES: dict[str, tuple[int, float]] = {
    "POST /channels/{channel}/messages": (5, 5.0),
    "PATCH /channels/{channel}/messages/{message}": (5, 5.0),
    "DELETE /channels/{channel}/messages/{message}": (5, 1.0),
    "GET /channels/{channel}/messages": (5, 5.0),
    "POST /channels/{channel}/typing": (5, 5.0),
    "POST /webhooks/{application}/{token}": (5, 2.0),
    "PATCH /webhooks/{application}/{token}/messages/{message}": (5, 2.0),
}
GLOBAL_LIMIT = 50
#: Interaction endpoints are exempt from the global rate limit.
_EXEMPT = ("POST /interactions/{interaction}/{token}/callback", "/webhooks/")


class Limits:
    """Discord's rate limits: a bucket per route and channel, guild or token, and 50/s globally.

    While not strict, violations are only counted, and the headers show no exhausted bucket.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.is_strict = False
        self.violations: dict[str, int] = defaultdict(int)
        self._buckets: dict[str, Bucket] = {}
        self._all = Bucket("global", GLOBAL_LIMIT, 1.0)

    def find(self, route: str, major: str) -> Bucket:
        """Return the bucket of a route and a major parameter."""
        key = f"{route} {major}"
        if key not in self._buckets:
            name = hashlib.sha256(route.encode()).hexdigest()[:32]
            self._buckets[key] = Bucket(name, *_RULES.get(route, (50, 1.0)))
        return self._buckets[key]

    def check(self, route: str, major: str) -> tuple[float, Scope]:
        """Count a request; return the seconds to wait (0 for none) and the limit's scope."""
        now = self._clock.monotonic()
        if not any(part in route for part in _EXEMPT):
            wait_s = self._all.take(now)
            if wait_s:
                self.violations["global"] += 1
                return wait_s, "global"
        wait_s = self.find(route, major).take(now)
        if wait_s:
            self.violations[route] += 1
        return wait_s, "user"

    def headers(self, route: str, major: str) -> dict[str, str]:
        """Return the rate limit headers of a response."""
        bucket, now = self.find(route, major), self._clock.monotonic()
        left = bucket.limit - bucket.used if self.is_strict else 999
        # Rounded up: a client that waits for as long as it is told is never too early.
        after = math.ceil(max(0.0, bucket.reset_at - now) * 1000) / 1000
        return {
            "X-RateLimit-Limit": str(bucket.limit if self.is_strict else 1000),
            "X-RateLimit-Remaining": str(max(0, left)),
            "X-RateLimit-Reset": f"{self._clock.now() + after:.3f}",
            "X-RateLimit-Reset-After": f"{after:.3f}",
            "X-RateLimit-Bucket": bucket.name,
        }


class InvalidRequests:
    """Counts invalid requests, which lead to a ban: 401, 403 and 429 within ten minutes.

    A 429 with the scope "shared" does not count.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._moments: deque[float] = deque()

    def add(self) -> None:
        """Count an invalid request."""
        self._moments.append(self._clock.monotonic())

    @property
    def count(self) -> int:
        """The number of invalid requests in the last ten minutes."""
        old = self._clock.monotonic() - INVALID_SPAN_S
        while self._moments and self._moments[0] <= old:
            self._moments.popleft()
        return len(self._moments)

    @property
    def is_banned(self) -> bool:
        """Whether the proxy in front of Discord refuses all requests."""
        return self.count >= MAX_INVALID
