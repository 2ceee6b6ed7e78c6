"""Headings and blanks of a model's summary."""

from __future__ import annotations

import time

import pytest

from core.summaries.parse import parse_summary
from core.summaries.points import Source


@pytest.mark.parametrize("heading", ["# The boat", "  ### The boat ##  ", "**The boat**:"])
def test_headings_are_read_in_every_form(heading: str) -> None:
    summary = parse_summary(f"{heading}\n- Ada buys it [#1]", lambda label: [Source(1)])
    [section] = summary.sections
    assert section.title == "The boat" and len(section.points) == 1


def test_a_heading_of_thousands_of_spaces_takes_no_time() -> None:
    begun_s, blank = time.process_time(), " " * 700
    parse_summary(f"# {blank}The{blank}boat{blank}sinks", lambda label: [])
    assert time.process_time() - begun_s < 1


def test_a_model_that_writes_nothing_but_spaces_holds_up_nothing() -> None:
    text = f"We meet{' ' * 200_000}tomorrow."
    assert parse_summary(text, lambda label: []).plain == text
