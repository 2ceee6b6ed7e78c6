"""Rules of the house that the linters do not know."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.support.paths import ROOT

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
