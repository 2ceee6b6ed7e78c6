"""Access to /v1: keys and their budgets are checked before the body of a request is read.

Each request leaves one log entry; those of strangers leave one a minute.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import structlog

from bots.openai_api.errors import AUTHENTICATION, RATE_LIMIT, ApiError, add_retry_after
from core import metrics
from core.clock import CLOCK, Clock
from core.config import Settings
from core.errors import ConfigError
from core.limits import RateLimit
from core.requester import requester_of_key, work_for
from core.store.operations.allowances import Allowances

log = structlog.get_logger()

#: Body of a refused request that the server reads to its end.
_SKIPPED_BYTES = 1_000_000
#: Paths that need no key, because Open WebUI sends none for these lists: preset voices, and names
#: of models.
_PUBLIC = ("/audio/voices", "/audio/models")
#: Responses hold private data, and no browser may guess their type.
_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
#: Shorter keys could be guessed.
MIN_CHARS = 16
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,32}")
_SECRET = re.compile(rf"[!-~]{{{MIN_CHARS},}}")


@dataclass(frozen=True, slots=True)
class Key:
    """A key, and the name of the program or person who has it."""

    name: str
    digest: bytes = field(repr=False)


def read_keys(listed: str) -> tuple[Key, ...]:
    """Return the keys of "name=key,name=key".

    Raises ConfigError, whose text contains no key.
    """
    keys = []
    for number, part in enumerate(listed.split(","), 1):
        name, _, secret = part.strip().partition("=")
        if _NAME.fullmatch(name) and _SECRET.fullmatch(secret):
            keys.append(Key(name, hashlib.sha256(secret.encode()).digest()))
        elif part.strip():
            text = f"entry {number} is not name=key with a key of {MIN_CHARS} characters"
            raise ConfigError(f"API_KEYS: {text}")
    if len({key.name for key in keys}) < len(keys) or len({key.digest for key in keys}) < len(keys):
        raise ConfigError("API_KEYS: a name or a key appears twice")
    return tuple(keys)


class ApiKeys:
    """The keys, and the budget of each: requests per minute, audio per day. None = no limit."""

    def __init__(self, settings: Settings, allowances: Allowances, clock: Clock = CLOCK) -> None:
        """Raises ConfigError if API_KEYS is malformed."""
        minutes_per_day = settings.api_audio_minutes_per_day
        self._keys = read_keys(settings.secret("api_keys") or "")
        self._allowances = allowances
        self._clock = clock
        self._rate = RateLimit(settings.api_requests_per_minute, clock)
        self._day_s = minutes_per_day * 60.0 if minutes_per_day else None

    async def admit(self, authorization: str, *, needs_audio: bool) -> str:
        """Count a request and return the name of its key.

        authorization: the header, read in a time that does not depend on the keys.
        Raises ApiError: 401 for an unknown key, 429 for one whose budget is used.
        """
        scheme, _, secret = authorization.partition(" ")
        digest = hashlib.sha256(secret.strip().encode()).digest()
        names = [key.name for key in self._keys if hmac.compare_digest(key.digest, digest)]
        if scheme.lower() != "bearer" or not names:
            text = "Incorrect API key provided: send one of API_KEYS as Authorization: Bearer KEY."
            error = ApiError(401, text, kind=AUTHENTICATION, code="invalid_api_key")
            error.headers = {"WWW-Authenticate": "Bearer"}
            raise error
        if self._rate.is_limited and (wait_s := await self._rate.take(key=names[0])):
            text = "This key has made too many requests in this minute."
            raise _build_exhausted(text, "rate_limit_exceeded", wait_s)
        now, day_s = self._clock.now(), self._day_s if needs_audio else None
        if day_s is not None and await self._allowances.spent_s(names[0], now.date()) >= day_s:
            text = f"This key has used its {day_s / 60:g} minutes of audio for today."
            midnight = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
            raise _build_exhausted(text, "insufficient_quota", (midnight - now).total_seconds())
        return names[0]

    @asynccontextmanager
    async def charge(self, name: str) -> AsyncIterator[None]:
        """Work for the key, and count the audio that engines are paid for, even if it fails then.

        Stored results are not: so a second try would not count what the first one has paid.
        """
        meter = metrics.Meter()
        token = metrics.METER.set(meter)
        try:
            with work_for(requester_of_key(name)):
                yield
        finally:
            metrics.METER.reset(token)
            if self._day_s is not None and meter.audio_s:
                await self._allowances.spend(name, self._clock.now().date(), meter.audio_s)


def _build_exhausted(text: str, code: str, wait_s: float) -> ApiError:
    return add_retry_after(ApiError(429, text, kind=RATE_LIMIT, code=code), wait_s)
