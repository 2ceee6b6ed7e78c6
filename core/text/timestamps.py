"""Positions in a recording as people write them: m:ss, or h:mm:ss from one hour."""

from __future__ import annotations


def format_timestamp(seconds: float) -> str:
    """Return `seconds`, rounded down, as "2:14" or "1:02:14"."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def parse_timestamp(text: str) -> int:
    """Return the seconds of "2:14" or "1:02:14"."""
    seconds = 0
    for part in text.split(":"):
        seconds = seconds * 60 + int(part)
    return seconds
