"""Positions in a recording."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from core.text.timestamps import format_timestamp, parse_timestamp


def test_hours_are_shown_only_where_there_are_some() -> None:
    assert format_timestamp(0) == "0:00"
    assert format_timestamp(134.9) == "2:14"
    assert format_timestamp(3734) == "1:02:14"


@given(st.integers(0, 1_000_000))
def test_what_is_formatted_is_parsed_again(seconds: int) -> None:
    assert parse_timestamp(format_timestamp(seconds)) == seconds
