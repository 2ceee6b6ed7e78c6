"""API keys, and the budget of each: requests per minute, audio per day."""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass, field
from datetime import timedelta

from bots.openai_api.errors import RATE_LIMIT, ApiError, add_retry_after
from core.clock import CLOCK, Clock
from core.config import Settings
from core.errors import ConfigError
from core.limits import RateLimit
from core.store.operations.allowances import Allowances

#: Shorter keys could be guessed.
MIN_CHARS = 16
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,32}")
_SECRET = re.compile(r"[!-~]+")
_SCHEME = re.compile(r"bearer +", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Key:
    """A key, and the name of the program or person who has it."""

    name: str
    digest: bytes = field(repr=False)


def read_keys(listed: str) -> tuple[Key, ...]:
    """Return the keys of "name=key,name=key".

    Raises ConfigError, whose text contains no key.
    """
    keys = tuple(
        _read_key(number, part.strip())
        for number, part in enumerate(listed.split(","), 1)
        if part.strip()
    )
    for values in ([key.name for key in keys], [key.digest for key in keys]):
        if len(set(values)) < len(values):
            raise ConfigError("API_KEYS: a name or a key appears twice")
    return keys


def find_key(keys: tuple[Key, ...], authorization: str) -> Key | None:
    """Return the key in an Authorization header, in a time that does not depend on the key."""
    scheme = _SCHEME.match(authorization)
    if scheme is None:
        return None
    given = _hash(authorization[scheme.end() :].strip())
    found = [key for key in keys if hmac.compare_digest(key.digest, given)]
    return found[0] if found else None


def _read_key(number: int, part: str) -> Key:
    name, _, secret = part.partition("=")
    if not (_NAME.fullmatch(name) and _SECRET.fullmatch(secret) and len(secret) >= MIN_CHARS):
        raise ConfigError(
            f"API_KEYS: entry {number} is not name=key with a key of {MIN_CHARS} characters"
        )
    return Key(name, _hash(secret))


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()


class Budgets:
    """The budgets of all keys. A setting of None means no limit."""

    def __init__(self, settings: Settings, allowances: Allowances, clock: Clock = CLOCK) -> None:
        minutes_per_day = settings.api_audio_minutes_per_day
        self._allowances = allowances
        self._clock = clock
        self._rate = RateLimit(settings.api_requests_per_minute, clock)
        self._day_s = minutes_per_day * 60.0 if minutes_per_day else None

    async def check_requests(self, name: str) -> None:
        """Count a request of a key. Raises ApiError 429."""
        wait_s = await self._rate.take(key=name)
        if wait_s:
            text = "This key has made too many requests in this minute."
            error = ApiError(429, text, kind=RATE_LIMIT, code="rate_limit_exceeded")
            raise add_retry_after(error, wait_s)

    async def check_audio(self, name: str) -> None:
        """Check that a key has audio left for today. Raises ApiError 429."""
        now = self._clock.now()
        if self._day_s is None or await self._allowances.spent_s(name, now.date()) < self._day_s:
            return
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
        text = f"This key has used its {self._day_s / 60:g} minutes of audio for today."
        error = ApiError(429, text, kind=RATE_LIMIT, code="insufficient_quota")
        raise add_retry_after(error, (midnight - now).total_seconds())

    async def spend(self, name: str, audio_s: float) -> None:
        """Count audio that was transcribed or synthesized for a key."""
        if self._day_s is not None and audio_s:
            await self._allowances.spend(name, self._clock.now().date(), audio_s)
