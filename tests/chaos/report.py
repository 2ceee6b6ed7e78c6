"""Tables for whoever reads the run, shown when it is over."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

#: Shown by the terminal summary in `conftest`.
TABLES: list[str] = []


def add_table(title: str, head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Keep a table for the end of the run."""
    table = [list(head), *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(row[at]) for row in table) for at in range(len(head))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in table
    ]
    TABLES.append("\n".join([title, *(f"  {line}" for line in lines)]))
