"""Faults of our own code that come with one message, each time that it is handled."""

from __future__ import annotations

import functools
from typing import Any

from tests.chaos.points import find_owner


class Bug(ValueError):
    """A fault of our own code."""


def raise_for(place: str, text: str) -> None:
    """Let a method, "module:Class.name", fail for a message, or the job of one, with this text."""
    owner, name = find_owner(place)
    function = getattr(owner, name)

    @functools.wraps(function)
    async def run(self: Any, given: Any, *arguments: Any, **named: Any) -> Any:
        if text in getattr(given, "message", given).text:
            raise Bug("a bug")
        return await function(self, given, *arguments, **named)

    setattr(owner, name, run)
