"""A target with faults, for the tests of fuzzing itself."""

from __future__ import annotations

import json
from collections.abc import Iterator


def seeds() -> Iterator[bytes]:
    yield b"x" + json.dumps({"name": "Ann", "length": 3}).encode()


def check(data: bytes) -> None:
    """Fail where a length is no number, which random bytes hardly ever are inside JSON."""
    try:
        value = json.loads(data[1:])
    except (ValueError, RecursionError):
        return
    if isinstance(value, dict) and data[:1] == b"x":
        assert isinstance(value.get("length", 0), int), "the length is no number"
