"""Run the tests of each security check and of each finding, and print tables.

Usage: python -m tests.security [X4 X5 ...]
"""

from __future__ import annotations

import argparse
import sys
import tomllib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import pytest
from rich.console import Console
from rich.table import Table

from tests.chaos.report import TRIED
from tests.support.paths import ROOT

CHECKS = ROOT / "tests" / "security" / "checks.toml"
FINDINGS = ROOT / "tests" / "security" / "findings.toml"


@dataclass
class Check:
    """One kind of attack."""

    number: str
    what: str
    #: Files, or names of tests in them: "FILE::TEST".
    tests: list[str] = field(default_factory=list)
    #: Why there are none.
    why: str = ""


def read_checks() -> list[Check]:
    """Return all checks in order."""
    found = tomllib.loads(CHECKS.read_text(encoding="utf-8"))
    return [Check(number, **values) for number, values in found.items()]


@dataclass
class Finding:
    """An attack that an earlier version did not hold off."""

    attack: str
    before: str
    tests: list[str]


def read_findings() -> list[Finding]:
    """Return all findings."""
    found = tomllib.loads(FINDINGS.read_text(encoding="utf-8"))
    return [Finding(**values) for values in found["finding"]]


class Outcomes:
    """A pytest plugin that counts the outcomes of tests, by file and by name."""

    def __init__(self) -> None:
        self.by_name: dict[str, Counter[str]] = {}
        #: How much of what was tried.
        self.tried: dict[str, Counter[str]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count a test once: by its call, or by what kept it from being called."""
        if report.when == "call" or report.outcome != "passed":
            name = report.nodeid.partition("[")[0]
            for one in (name, name.partition("::")[0]):
                self.by_name.setdefault(one, Counter())[report.outcome] += 1
                self.tried.setdefault(one, Counter()).update(_read_tried(report))

    def describe(self, tests: list[str], why: str = "") -> str:
        """Return what became of tests. why: why there are none."""
        counts, tried = Counter[str](), Counter[str]()
        for one in tests:
            counts.update(self.by_name.get(one, {}))
            tried.update(self.tried.get(one, {}))
        held = tests and all(one in self.by_name for one in tests)
        parts = [f"{count} {outcome}" for outcome, count in sorted(counts.items())]
        parts += [f"{number:,} {what}" for what, number in tried.items()]
        return why or (", ".join(parts) if held else "not run")


def _read_tried(report: pytest.TestReport) -> Counter[str]:
    """Return how much of what a test has tried."""
    found = Counter[str]()
    for key, value in report.user_properties:
        if key == TRIED and isinstance(value, tuple | list):
            number, what = value
            found[what] += number
    return found


def select(groups: Iterable[list[str]]) -> list[str]:
    """Return each test once: a file stands for all tests in it."""
    wanted = {one for group in groups for one in group}
    return sorted(one for one in wanted if "::" not in one or one.partition("::")[0] not in wanted)


def main() -> int:
    """Run the tests of everything, or of the checks that are named. Return pytest's exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("numbers", nargs="*", metavar="NUMBER")
    wanted = parser.parse_args().numbers
    checks = [one for one in read_checks() if one.number in wanted or not wanted]
    findings = [] if wanted else read_findings()
    groups = [*(one.tests for one in checks), *(one.tests for one in findings)]
    tests, outcomes = select(groups), Outcomes()
    # One test may take minutes.
    options = ["-q", "-n", "2", "-o", "faulthandler_timeout=3000"]
    code = pytest.main([*options, *tests], [outcomes]) if tests else 0
    table = Table("CHECK", "WHAT IS TRIED", "TESTS", box=None)
    for one in checks:
        table.add_row(one.number, one.what, outcomes.describe(one.tests, one.why))
    found = Table("ATTACK", "BEFORE", "NOW, BY TESTS", box=None)
    for finding in findings:
        found.add_row(finding.attack, finding.before, outcomes.describe(finding.tests))
    console = Console(width=140)
    console.print(table, "", *([found] if findings else []))
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
