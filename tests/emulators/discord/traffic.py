"""The ledger of requests, the limits on them, and the faults that tests ask for."""

from __future__ import annotations

import hashlib
from collections import defaultdict, deque
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Literal

from tests.emulators.common import FaultRule
from tests.emulators.telegram.world import Clock

Scope = Literal["user", "shared", "global"]

INVALID_SPAN_S = 600.0


@dataclass(slots=True)
class RecordedRequest:
    """One request of the bot, as the server saw it."""

    #: Method and template of the path: "POST /channels/{channel}/messages".
    route: str
    #: The path as it was, below the API's base.
    path: str
    #: Seconds of the server's monotonic clock.
    received_at: float
    body: Any = None
    #: Names of the uploaded files.
    files: list[str] = field(default_factory=list)
    #: HTTP status of the answer; 0 while there is none, or when it was never sent.
    status: int = 0
    #: Discord's error code and words.
    code: int = 0
    error: str = ""
    #: The message that the request made or changed.
    message_id: str | None = None
    #: Name of the fault that met it.
    fault: str = ""


@dataclass(slots=True)
class Fault(FaultRule):
    """A rule for requests whose route or path fits `pattern`.

    "POST */messages" fits "POST /channels/{channel}/messages", and "POST /channels/12/messages"
    one channel of it; downloads are "GET /cdn".
    """

    #: Discord's error code.
    code: int = 0
    #: Seconds and scope of `rate_limit`.
    retry_after: float = 1.0
    scope: Scope = "user"
    #: Headers of `html`.
    headers: dict[str, str] = field(default_factory=dict)

    def matches(self, route: str, path: str) -> bool:
        return fnmatchcase(route, self.pattern) or fnmatchcase(path, self.pattern)


@dataclass(slots=True)
class Bucket:
    """At most `limit` requests from the first one until `span_s` later."""

    name: str
    limit: int
    span_s: float
    used: int = 0
    reset_at: float = 0.0

    def take(self, now: float) -> float:
        """Count one request; return 0, or the seconds to wait, in which case it is not counted."""
        if now >= self.reset_at:
            self.used, self.reset_at = 0, now + self.span_s
        if self.used >= self.limit:
            return self.reset_at - now
        self.used += 1
        return 0.0


#: Route -> requests and seconds. Discord publishes none; these are what its headers said.
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
#: Answers to interactions are not held by the global limit.
_FREE = ("POST /interactions/{interaction}/{token}/callback", "/webhooks/")


class Limits:
    """Discord's buckets: one per route and channel, server or token, and 50 a second in all.

    While they are not strict, what goes over is only counted, and the headers tell of room.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.is_strict = False
        self.violations: dict[str, int] = defaultdict(int)
        self._buckets: dict[str, Bucket] = {}
        self._all = Bucket("global", GLOBAL_LIMIT, 1.0)

    def find(self, route: str, major: str) -> Bucket:
        """Return the bucket of a route and its major parameter."""
        key = f"{route} {major}"
        if key not in self._buckets:
            name = hashlib.sha256(route.encode()).hexdigest()[:32]
            self._buckets[key] = Bucket(name, *_RULES.get(route, (50, 1.0)))
        return self._buckets[key]

    def check(self, route: str, major: str) -> tuple[float, Scope]:
        """Count a request; return 0 or the seconds to wait, and whose limit was met."""
        now = self._clock.monotonic()
        if not any(part in route for part in _FREE):
            wait_s = self._all.take(now)
            if wait_s:
                self.violations["global"] += 1
                return wait_s, "global"
        wait_s = self.find(route, major).take(now)
        if wait_s:
            self.violations[route] += 1
        return wait_s, "user"

    def headers(self, route: str, major: str) -> dict[str, str]:
        """Return what an answer tells of its bucket."""
        bucket, now = self.find(route, major), self._clock.monotonic()
        left = bucket.limit - bucket.used if self.is_strict else 999
        after = max(0.0, bucket.reset_at - now)
        return {
            "X-RateLimit-Limit": str(bucket.limit if self.is_strict else 1000),
            "X-RateLimit-Remaining": str(max(0, left)),
            "X-RateLimit-Reset": f"{self._clock.now() + after:.3f}",
            "X-RateLimit-Reset-After": f"{after:.3f}",
            "X-RateLimit-Bucket": bucket.name,
        }


class InvalidRequests:
    """Counts what leads to a ban: requests refused with 401, 403 or 429 in ten minutes.

    A 429 of scope "shared" does not count.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._moments: deque[float] = deque()

    def add(self) -> None:
        """Count one."""
        self._moments.append(self._clock.monotonic())

    @property
    def count(self) -> int:
        """How many there were in the last ten minutes."""
        old = self._clock.monotonic() - INVALID_SPAN_S
        while self._moments and self._moments[0] <= old:
            self._moments.popleft()
        return len(self._moments)
