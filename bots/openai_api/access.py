"""The keys of /v1: their names and requests per minute.

Budgets are those of the work itself (`core.limits.budgets`): what is stored costs nothing, and each
engine takes something else.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

from bots.common.api_keys import read_keys
from bots.openai_api.errors import AUTHENTICATION, RATE_LIMIT, ApiError, add_retry_after
from core.clock import CLOCK, Clock
from core.config import Settings
from core.errors import StoreError
from core.limits import RateLimit

#: Counts a request of a key over all processes and returns 0, or returns the seconds until there
#: may be one, given at most how many in how many seconds.
Take = Callable[[str, Mapping[str, tuple[int, float]]], Awaitable[float]]


class ApiKeys:
    """The keys, and the requests per minute of each. None = no limit."""

    def __init__(self, settings: Settings, clock: Clock = CLOCK) -> None:
        """Raises ConfigError if API_KEYS is malformed."""
        self._keys = read_keys(settings.secret("api_keys") or "")
        self._rate = RateLimit(settings.api_requests_per_minute, clock)
        #: Where other processes count the requests of the same keys, None if there are none.
        self.take: Take | None = None

    async def admit(self, authorization: str) -> str:
        """Count a request and return the name of its key.

        authorization: the header, read in a time that does not depend on the keys.
        Raises ApiError: 401 for an unknown key, 429 for one with too many requests in this minute.
        """
        scheme, _, secret = authorization.partition(" ")
        digest = hashlib.sha256(secret.strip().encode()).digest()
        names = [key.name for key in self._keys if hmac.compare_digest(key.digest, digest)]
        if scheme.lower() != "bearer" or not names:
            text = "Incorrect API key provided: send one of API_KEYS as Authorization: Bearer KEY."
            error = ApiError(401, text, kind=AUTHENTICATION, code="invalid_api_key")
            error.headers = {"WWW-Authenticate": "Bearer"}
            raise error
        if self._rate.is_limited and (wait_s := await self._count(names[0])):
            text = "This key has made too many requests in this minute."
            error = ApiError(429, text, kind=RATE_LIMIT, code="rate_limit_exceeded")
            raise add_retry_after(error, wait_s)
        return names[0]

    async def _count(self, name: str) -> float:
        """Count a request of a key; return the seconds until there may be one, 0 for now."""
        if self.take:
            # While the database cannot be reached, each process counts alone.
            with suppress(StoreError):
                return await self.take(f"key {name}", {"": (self._rate.per_minute, 60.0)})
        return await self._rate.take(key=name)
