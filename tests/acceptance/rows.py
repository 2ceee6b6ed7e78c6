"""Rows of the acceptance tables: each is a test with an id; in the end they are shown as tables."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import pytest

#: The property of a report that holds its row: id and what is checked.
PROPERTY = "acceptance row"

TITLES = {
    "G": "Telegram fails",
    "F": "MiMo fails",
    "input": "Bad inputs",
    "whole": "Over the whole run",
}


def row(name: str, what: str) -> pytest.MarkDecorator:
    """Make a test the row `name`; it takes `row`, which is `what`."""
    return pytest.mark.parametrize("row", [pytest.param(what, id=name)])


def build_tables(reports: Iterable[tuple[str, str, str, float]]) -> list[str]:
    """Return the tables of (id, what, result, seconds), in the order of their ids."""
    groups: dict[str, list[tuple[str, ...]]] = defaultdict(list)
    for name, what, result, took_s in reports:
        groups[name.split("-")[0].rstrip("0123456789")].append(
            (name, result, f"{took_s:.1f} s", what)
        )
    return [
        _build_table(title, sorted(groups[group], key=lambda cells: _order(cells[0])))
        for group, title in TITLES.items()
        if group in groups
    ]


def _order(name: str) -> tuple[int, str]:
    number = "".join(c if c.isdigit() else " " for c in name).split()
    return int(number[0]) if number else 0, name


def _build_table(title: str, rows: list[tuple[str, ...]]) -> str:
    widths = [max(len(row[at]) for row in rows) for at in range(3)]
    lines = [
        "  ".join([*(c.ljust(w) for c, w in zip(row[:3], widths, strict=True)), row[3]])
        for row in rows
    ]
    passed = sum(row[1] == "passed" for row in rows)
    head = f"{title}: {passed} of {len(rows)} rows passed"
    return "\n".join([head, *(f"  {line}" for line in lines)])
