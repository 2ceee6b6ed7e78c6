"""The keys of /v1: the setting API_KEYS."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field

from core.errors import ConfigError

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
