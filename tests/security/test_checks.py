"""The list of security checks is complete, and each names tests that exist."""

from __future__ import annotations

from typing import Any

import pytest

from tests.chaos.report import TRIED
from tests.security.__main__ import Outcomes, read_checks, read_findings, select
from tests.support.paths import ROOT


def test_every_check_has_tests_or_the_reason_why_not() -> None:
    checks = read_checks()
    assert [one.number for one in checks] == [f"X{number}" for number in range(1, 23)]
    for one in checks:
        assert bool(one.tests) != bool(one.why), one.number
        assert [file for file in one.tests if not (ROOT / file).is_file()] == []


def test_every_finding_has_tests() -> None:
    for one in read_findings():
        assert one.attack and one.before and one.tests
        for test in one.tests:
            file, _, name = test.partition("::")
            assert f"def {name}" in (ROOT / file).read_text(encoding="utf-8"), test


def test_a_file_stands_for_its_tests() -> None:
    assert select([["a.py::test_x", "b.py"], ["b.py::test_y", "b.py"]]) == ["a.py::test_x", "b.py"]


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
    assert plugin.describe(["a.py", "b.py"]) == expected
    assert plugin.describe(["a.py::test"]).endswith("passed")
    assert plugin.describe([], "not yet") == "not yet"


def test_the_table_adds_up_what_was_tried() -> None:
    plugin = Outcomes()
    for number, found in enumerate(((5000, "steps"), [5000, "steps"], (3, "words"))):
        report = pytest.TestReport(
            f"a.py::test_{number}[1]", ("a.py", 1, "test"), {}, "passed", None, "call"
        )
        report.user_properties = [(TRIED, found), ("other", 1)]
        plugin.pytest_runtest_logreport(report)
    assert plugin.describe(["a.py"]) == "3 passed, 10,000 steps, 3 words"
    assert plugin.describe(["a.py::test_2"]) == "1 passed, 3 words"
