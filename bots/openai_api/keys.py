"""Whose key a request brings."""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass, field

from core.errors import ConfigError

#: Shorter ones could be guessed.
LEAST_CHARS = 16
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,32}")
_SECRET = re.compile(r"[!-~]+")
_SCHEME = re.compile(r"bearer +", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Key:
    """A key and the name of the program or person that has it."""

    name: str
    digest: bytes = field(repr=False)


def read_keys(listed: str) -> tuple[Key, ...]:
    """Return the keys of "name=key,name=key". Raises ConfigError, which holds none of them."""
    keys = tuple(
        _read_key(number, part.strip())
        for number, part in enumerate(listed.split(","), 1)
        if part.strip()
    )
    for values in ([key.name for key in keys], [key.digest for key in keys]):
        if len(set(values)) < len(values):
            raise ConfigError("API_KEYS: a name or a key is there twice")
    return keys


def find_key(keys: tuple[Key, ...], authorization: str) -> Key | None:
    """Return the key of an Authorization header; in the time of all, whichever it is."""
    scheme = _SCHEME.match(authorization)
    if scheme is None:
        return None
    given = _hash(authorization[scheme.end() :].strip())
    found = [key for key in keys if hmac.compare_digest(key.digest, given)]
    return found[0] if found else None


def _read_key(number: int, part: str) -> Key:
    name, _, secret = part.partition("=")
    if not (_NAME.fullmatch(name) and _SECRET.fullmatch(secret) and len(secret) >= LEAST_CHARS):
        raise ConfigError(
            f"API_KEYS: entry {number} is not name=key with a key of {LEAST_CHARS} characters"
        )
    return Key(name, _hash(secret))


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()
