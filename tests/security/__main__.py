"""Run the tests of each security check and print a table: python -m tests.security [X4 X5 ...]."""

from __future__ import annotations

import argparse
import sys
import tomllib
from collections import Counter
from dataclasses import dataclass, field

import pytest
from rich.console import Console
from rich.table import Table

from tests.support.paths import ROOT

CHECKS = ROOT / "tests" / "security" / "checks.toml"


@dataclass
class Check:
    """One kind of attack."""

    number: str
    what: str
    tests: list[str] = field(default_factory=list)
    #: Why there are none.
    why: str = ""


def read_checks() -> list[Check]:
    """Return all checks in order."""
    found = tomllib.loads(CHECKS.read_text(encoding="utf-8"))
    return [Check(number, **values) for number, values in found.items()]


class Outcomes:
    """A pytest plugin that counts the outcomes of the tests in each file."""

    def __init__(self) -> None:
        self.by_file: dict[str, Counter[str]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count a test once: by its call, or by what kept it from being called."""
        if report.when == "call" or report.outcome != "passed":
            counts = self.by_file.setdefault(report.nodeid.partition("::")[0], Counter())
            counts[report.outcome] += 1

    def describe(self, check: Check) -> str:
        """Return what became of the tests of a check."""
        counts = Counter[str]()
        for file in check.tests:
            counts.update(self.by_file.get(file, {}))
        held = check.tests and all(file in self.by_file for file in check.tests)
        parts = [f"{count} {outcome}" for outcome, count in sorted(counts.items())]
        return check.why or (", ".join(parts) if held else "not run")


def main() -> int:
    """Run the tests of all checks, or of those that are named. Return pytest's exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("numbers", nargs="*", metavar="NUMBER")
    wanted = parser.parse_args().numbers
    checks = [one for one in read_checks() if one.number in wanted or not wanted]
    files = sorted({file for one in checks for file in one.tests})
    outcomes = Outcomes()
    code = pytest.main(["-q", "-n", "2", *files], [outcomes]) if files else 0
    table = Table("CHECK", "WHAT IS TRIED", "TESTS", box=None)
    for one in checks:
        table.add_row(one.number, one.what, outcomes.describe(one))
    Console(width=120).print(table)
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
