"""Tables that are printed at the end of a run.

Workers of pytest-xdist send theirs to the main process. `tests.conftest` imports the hooks.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import pytest

from tests.support.findings import build_findings

TABLES: list[str] = []
#: Properties of a test report: a row of the acceptance table, (id, what is checked), and results
#: of prompt injections, (language, kind, effects, links, pings) each.
ROW, ATTEMPTS = "acceptance row", "attempts"
#: How much was tried, (number, of what): `make security` adds it up.
TRIED = "tried"
TITLES = {"G": "Telegram fails", "F": "MiMo fails", "input": "Bad inputs"}


def add_table(title: str, head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Add a table to the end of the run."""
    TABLES.append(build_table(title, [head, *rows]))


def build_table(title: str, rows: Iterable[Sequence[object]]) -> str:
    """Return rows as lines with aligned columns."""
    table = [[str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in table
    ]
    return "\n".join([title, *(f"  {line}" for line in lines)])


def row(name: str, what: str) -> pytest.MarkDecorator:
    """Parametrize a test as the row `name`; its argument `row` is `what`."""
    return rows({name: (what,)}, "row")


def rows(table: dict[str, tuple[Any, ...]], names: str) -> pytest.MarkDecorator:
    """Parametrize a test with one row per entry: id -> values of the parameters `names`."""
    values = [pytest.param(*entry, id=name) for name, entry in table.items()]
    return pytest.mark.parametrize(tuple(names.split()), values)


def note_rows(items: Iterable[pytest.Item]) -> None:
    """Record the row of each test that has one."""
    for item in items:
        callspec = getattr(item, "callspec", None)
        if callspec and "row" in callspec.params:
            name = callspec.id.removesuffix("-real").removeprefix("real-")
            item.user_properties.append((ROW, (name, callspec.params["row"])))


def _build_acceptance(reports: Iterable[tuple[str, pytest.TestReport]]) -> Iterable[str]:
    groups: dict[str, list[tuple[str, ...]]] = defaultdict(list)
    attempts: list[Sequence[Any]] = []
    for result, report in reports:
        found = dict(getattr(report, "user_properties", ()))
        if ROW in found and (report.when == "call" or result == "error"):
            name, what = found[ROW]
            cells = name, result, f"{report.duration:.1f} s", what
            groups[name.split("-")[0].rstrip("0123456789")].append(cells)
            attempts += found.get(ATTEMPTS, ())
    for group, title in TITLES.items():
        if table := sorted(groups[group], key=lambda cells: _order(cells[0])):
            passed = sum(cells[1] == "passed" for cells in table)
            yield build_table(f"{title}: {passed} of {len(table)} rows passed", table)
    if attempts:
        yield _build_attempts(attempts)


def _order(name: str) -> tuple[int, str]:
    number = "".join(c if c.isdigit() else " " for c in name).split()
    return int(number[0]) if number else 0, name


def _build_attempts(attempts: Sequence[Sequence[Any]]) -> str:
    cells: Counter[tuple[str, str]] = Counter()
    sums: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0, 0])
    for language, kind, *counts in attempts:
        cells[language, kind] += 1
        found = sums[language, kind]
        found[:] = [a + b for a, b in zip(found, counts, strict=True)]
    languages = sorted({language for language, _ in cells})
    table: list[list[object]] = [["", *languages]]
    for kind in sorted({kind for _, kind in cells}):
        keys = [(language, kind) for language in languages]
        table.append([kind, *(f"{cells[key]}: {'/'.join(map(str, sums[key]))}" for key in keys)])
    return build_table(f"{len(attempts)} attempts: effects/links/pings", table)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Send the tables of a worker to the main process."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["tables"] = TABLES


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Receive the tables of a worker; one that crashed has none."""
    TABLES.extend(getattr(node, "workeroutput", {}).get("tables", ()))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the tables."""
    results = ("passed", "failed", "error", "skipped")
    reports = [(one, report) for one in results for report in terminalreporter.stats.get(one, ())]
    for table in (*TABLES, *_build_acceptance(reports)):
        terminalreporter.write_line(f"\n{table}")
    if terminalreporter.config.getoption("markexpr") == "finding":
        for block in build_findings(reports):
            terminalreporter.write_line(f"\n{block}")
