"""Rules of this repository that no linter checks."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.support.findings import read_titles
from tests.support.paths import ROOT

#: Files that read the system clock, and why.
OWN_TIME = {
    "core/clock.py": "it is the clock",
    "core/engines/wire/errors.py": "reads a date of a service at once; pure with a moment given",
    "core/store/database/postgresql.py": "short pauses of threads that no clock need know of",
    "core/logs.py": "a problem is noted when it is logged, by whatever library",
}
#: Tests that read it, besides those of whole programs in `tests/chaos/`.
OWN_TIME_OF_TESTS = {
    "tests/emulators/tls.py": "OpenSSL judges certificates by no other clock",
}
SOURCES = [path for folder in ("hearsay", "bots", "core") for path in (ROOT / folder).rglob("*.py")]
BENCHMARKS = [*(ROOT / "benchmarks").rglob("*.py")]
TESTS = [*(ROOT / "tests").rglob("*.py")]


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    nodes: list[ast.AST] = [ast.parse(path.read_text())]
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node
        children = ast.iter_child_nodes(node)
        nodes += (child for child in children if not isinstance(child, ast.expr))


def test_no_file_is_longer_than_300_lines() -> None:
    lengths = {str(path): path.read_text().count("\n") for path in [*SOURCES, *BENCHMARKS, *TESTS]}
    assert {name: lines for name, lines in lengths.items() if lines > 300} == {}


def test_no_function_is_longer_than_30_lines() -> None:
    long = [
        f"{path}:{node.lineno} {node.name}"
        for path in [*SOURCES, *BENCHMARKS]
        for node in functions(path)
        if (node.end_lineno or 0) - node.lineno + 1 > 30
    ]
    assert long == []


def test_blind_except_stands_once() -> None:
    blind = [path.name for path in SOURCES if "except Exception" in path.read_text()]
    assert blind == ["steps.py"]


def test_nothing_reads_the_environment_but_the_settings() -> None:
    reads = re.compile(r"os\.environ(\[|\.get\()|os\.getenv")
    readers = [path.name for path in SOURCES if reads.search(path.read_text())]
    # systemd tells by the environment alone where it listens.
    assert readers == ["systemd.py"]


def test_time_comes_from_the_clock() -> None:
    own = re.compile(r"time\.monotonic|time\.time\(|perf_counter|datetime\.now|asyncio\.sleep")
    names = {str(path.relative_to(ROOT)) for path in SOURCES if own.search(path.read_text())}
    assert names == set(OWN_TIME)


def test_tests_do_not_depend_on_the_time_of_day() -> None:
    own = re.compile(r"time\.time\(|datetime\.now\(|\.today\(|utcnow\(")
    paths = [path for path in TESTS if "chaos" not in path.parts and path != Path(__file__)]
    names = {str(path.relative_to(ROOT)) for path in paths if own.search(path.read_text())}
    assert names == set(OWN_TIME_OF_TESTS)


def test_real_sleeps_are_explained() -> None:
    """On the virtual loop sleeping is free; elsewhere a comment gives the reason."""
    silent = []
    for path in (ROOT / "tests").rglob("*.py"):
        text = path.read_text()
        lines = ["", *text.splitlines()]
        may_wait = "time.sleep(" in text or "asyncio.sleep(" in text
        for number in _real_sleeps(path, text) if may_wait else ():
            if "#" not in lines[number] and not lines[number - 1].lstrip().startswith("#"):
                silent.append(f"{path.relative_to(ROOT)}:{number}")
    assert silent == []


def _real_sleeps(path: Path, text: str) -> set[int]:
    """Return the lines of sleeps that take real time."""
    tree = ast.parse(text)
    marks = [ast.unparse(node) for node in tree.body if isinstance(node, ast.Assign)]
    is_real = "chaos" in path.parts or any("pytestmark" in m and "real_time" in m for m in marks)
    numbers = set(_sleeps(tree, "asyncio.sleep" if is_real else "time.sleep"))
    for node in ast.walk(tree):
        decorators = getattr(node, "decorator_list", [])
        if any("real_time" in ast.unparse(mark) for mark in decorators):
            numbers |= set(_sleeps(node, "asyncio.sleep"))
    return numbers


def _sleeps(tree: ast.AST, name: str) -> Iterator[int]:
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    for call in calls:
        if getattr(call.func, "attr", "") != "sleep":
            continue
        if ast.unparse(call.func) in (name, "time.sleep") and ast.unparse(call.args[0]) != "0":
            yield call.lineno


def test_every_finding_has_a_test() -> None:
    marks = re.findall(r"mark\.finding\((\d+)\)", "".join(path.read_text() for path in TESTS))
    assert {int(number) for number in marks} == set(read_titles())
