"""Rules of the house that the linters do not know."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from tests.support.paths import ROOT

#: Who looks at the machine's own clock, and why.
OWN_TIME = {
    "core/clock.py": "it is the clock",
}
SOURCES = [path for folder in ("bots", "core") for path in (ROOT / folder).rglob("*.py")]


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_no_file_is_longer_than_300_lines() -> None:
    lengths = {str(path): path.read_text().count("\n") for path in SOURCES}
    assert {name: lines for name, lines in lengths.items() if lines > 300} == {}


def test_no_function_is_longer_than_30_lines() -> None:
    long = [
        f"{path}:{node.lineno} {node.name}"
        for path in SOURCES
        for node in functions(path)
        if (node.end_lineno or 0) - node.lineno + 1 > 30
    ]
    assert long == []


def test_blind_except_stands_once() -> None:
    blind = [path.name for path in SOURCES if "except Exception" in path.read_text()]
    assert blind == ["jobs.py"]


def test_nothing_reads_the_environment_but_the_settings() -> None:
    reads = re.compile(r"os\.environ(\[|\.get\()|os\.getenv")
    readers = [path.name for path in SOURCES if reads.search(path.read_text())]
    assert readers == []


def test_time_comes_from_the_clock() -> None:
    own = re.compile(r"time\.monotonic|time\.time\(|perf_counter|datetime\.now|asyncio\.sleep")
    names = {str(path.relative_to(ROOT)) for path in SOURCES if own.search(path.read_text())}
    assert names == set(OWN_TIME)


def test_whoever_waits_for_the_machines_clock_says_why() -> None:
    """On the virtual loop to sleep costs nothing; elsewhere a comment tells what cannot be seen."""
    silent = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in (ROOT / "tests").rglob("*.py")
        if path != Path(__file__)
        for number, before, line in _sleeps(path)
        if "#" not in line and not before.lstrip().startswith("#")
    ]
    assert silent == []


def _sleeps(path: Path) -> Iterator[tuple[int, str, str]]:
    """Yield number, line before and line of each sleep that takes real time."""
    text = path.read_text()
    is_real = "real_time" in text or "chaos" in path.parts
    sleep = re.compile(r"\b(time|asyncio)\.sleep\((?!0\))" if is_real else r"\btime\.sleep\(")
    lines = ["", *text.splitlines()]
    for number, (before, line) in enumerate(pairwise(lines), start=1):
        if sleep.search(line):
            yield number, before, line
