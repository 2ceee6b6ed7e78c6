"""What a button holds that brings a summary into somebody's private chat."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import TypeAdapter

from core.summaries.ranges import Request


@dataclass(frozen=True, slots=True)
class SummaryCopy:
    """A summary of another chat's talk; whoever holds it was let in there."""

    chat_id: str
    request: Request


_COPY = TypeAdapter(SummaryCopy)


def write_copy(copy: SummaryCopy) -> str:
    """Return the copy as a text."""
    return _COPY.dump_json(copy).decode()


def read_copy(text: str) -> SummaryCopy:
    """Return what `write_copy` wrote. Raises ValueError."""
    return _COPY.validate_json(text)
