"""What a button holds that brings a summary into somebody's private chat."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import TypeAdapter

from core.summaries.ranges import Request


@dataclass(frozen=True, slots=True)
class Copy:
    """A summary of another chat's talk; whoever holds it was let in there."""

    chat_id: str
    request: Request


_COPY = TypeAdapter(Copy)


def write_copy(copy: Copy) -> str:
    """Return the copy as a text."""
    return _COPY.dump_json(copy).decode()


def read_copy(text: str) -> Copy:
    """Return what `write_copy` wrote. Raises ValueError."""
    return _COPY.validate_json(text)
