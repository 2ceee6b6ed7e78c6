"""Findings from using the product: the tests that hold each, and the table of `make findings`."""

from __future__ import annotations

import tomllib
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import pytest

from tests.support.paths import ROOT

#: Property of a test report: the numbers of its findings.
FINDINGS = "findings"


def read_titles() -> dict[int, str]:
    """Return number -> title."""
    table = tomllib.loads((ROOT / "tests" / "findings.toml").read_text())
    return {int(number): title for number, title in table.items()}


def note_findings(items: Iterable[pytest.Item]) -> None:
    """Record the findings of each test that has some."""
    for item in items:
        if numbers := [mark.args[0] for mark in item.iter_markers("finding")]:
            item.user_properties.append((FINDINGS, numbers))


def build_findings(reports: Iterable[tuple[str, pytest.TestReport]]) -> Iterable[str]:
    """Yield one block per finding: its title, results, and the names of its tests."""
    results: dict[int, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for result, report in reports:
        properties: dict[str, Any] = dict(report.user_properties)
        for number in properties.get(FINDINGS, ()):
            if report.when == "call" or result in ("error", "skipped"):
                results[number][report.nodeid.partition("[")[0]].append(result)
    for number, title in read_titles().items():
        if number in results:
            yield "\n".join([f"{number}. {title}", *_describe(results[number])])


def _describe(tests: dict[str, list[str]]) -> Iterable[str]:
    for name, outcomes in sorted(tests.items()):
        counts = {result: outcomes.count(result) for result in dict.fromkeys(outcomes)}
        told = ", ".join(f"{count} {result}" for result, count in counts.items())
        yield f"   {told}: {name}"
