"""The list of security checks is complete, and each names tests that exist."""

from __future__ import annotations

from typing import Any

import pytest

from tests.security.__main__ import Check, Outcomes, read_checks
from tests.support.paths import ROOT


def test_every_check_has_tests_or_the_reason_why_not() -> None:
    checks = read_checks()
    assert [one.number for one in checks] == [f"X{number}" for number in range(1, 23)]
    for one in checks:
        assert bool(one.tests) != bool(one.why), one.number
        assert [file for file in one.tests if not (ROOT / file).is_file()] == []


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        ([("a.py", "passed"), ("a.py", "passed"), ("b.py", "failed")], "1 failed, 2 passed"),
        ([("a.py", "passed")], "not run"),
    ],
)
def test_the_table_counts_by_file(outcomes: list[tuple[str, str]], expected: str) -> None:
    plugin = Outcomes()
    for file, outcome in outcomes:
        found: Any = outcome
        report = pytest.TestReport(f"{file}::test", (file, 1, "test"), {}, found, None, "call")
        plugin.pytest_runtest_logreport(report)
    assert plugin.describe(Check("X1", "all", ["a.py", "b.py"])) == expected
    assert plugin.describe(Check("X2", "none", why="not yet")) == "not yet"
