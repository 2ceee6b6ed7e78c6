"""Access to /v1: keys and their budgets are checked before the body of a request is read.

Each request leaves one log entry; those of strangers leave one a minute.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass, field

import structlog

from bots.openai_api.errors import AUTHENTICATION, RATE_LIMIT, ApiError, add_retry_after, read_error
from core.clock import CLOCK, Clock
from core.config import Settings
from core.errors import ConfigError, OverBudget
from core.limits import RateLimit
from core.limits.budgets import Budgets
from core.requester import requester_of_key

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
    """The keys, and the requests per minute of each. None = no limit."""

    def __init__(self, settings: Settings, budgets: Budgets, clock: Clock = CLOCK) -> None:
        """Raises ConfigError if API_KEYS is malformed."""
        self._keys = read_keys(settings.secret("api_keys") or "")
        self._budgets = budgets
        self._rate = RateLimit(settings.api_requests_per_minute, clock)

    async def admit(self, authorization: str, *, needs_budget: bool) -> str:
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
            error = ApiError(429, text, kind=RATE_LIMIT, code="rate_limit_exceeded")
            raise add_retry_after(error, wait_s)
        if needs_budget:
            try:
                await self._budgets.require_room(requester_of_key(names[0]))
            except OverBudget as error:
                raise read_error(error, "") from None
        return names[0]
