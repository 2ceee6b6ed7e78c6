"""Mutants are generated, named and applied; the tables of mutants name existing code."""

from __future__ import annotations

import ast
import importlib
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from tests.mutants.forks import fork_and_wait
from tests.mutants.operators import mutants
from tests.mutants.session import apply
from tests.support.paths import ROOT

SOURCE = '''
"""A module."""
from functools import cache

WAIT_S = 3

class Box:
    def __init__(self):
        self.items = []

    @property
    def wait_s(self):
        return WAIT_S * 2

    def put(self, item):
        log.info("put")
        if item and item not in self.items:
            self.items.append(item)
        return len(self.items)

@cache
def is_long(text):
    return any(letter > 3 for letter in map(len, text))
'''


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    (tmp_path / "mutated.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)
    module = importlib.import_module("mutated")
    vars(module)["log"] = type("Log", (), {"info": print})
    yield module
    del sys.modules["mutated"]


def test_what_is_changed() -> None:
    assert {mutant.name for mutant in mutants(SOURCE)} == {
        "WAIT_S: 3 => 4",
        "Box.__init__: self.items = [] => pass",
        "Box.wait_s: return WAIT_S * 2 => return None",
        "Box.wait_s: WAIT_S * 2 => WAIT_S / 2",
        "Box.wait_s: 2 => 3",
        "Box.put: if item and item not in self.items: self.items.append(item) => "
        "if not (item and item not in self.items): self.items.append(item)",
        "Box.put: item and item not in self.items => item or item not in self.items",
        "Box.put: not in => in",
        "Box.put: self.items.append(item) => pass",
        "Box.put: return len(self.items) => return None",
        "is_long: return any(letter > 3 for letter in map(len, text)) => return None",
        "is_long: > 3 => >= 3",
        "is_long: 3 => 4",
    }


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        ("WAIT_S: 3 => 4", (8, 1, False)),
        ("Box.wait_s: 2 => 3", (9, 1, False)),
        ("Box.put: self.items.append(item) => pass", (6, 0, False)),
        ("is_long: > 3 => >= 3", (6, 1, True)),
    ],
)
def test_a_mutant_lives_in_what_is_loaded_already(
    module: ModuleType, name: str, seen: tuple[int, int, bool]
) -> None:
    for mutant in mutants(SOURCE):
        if mutant.name == name:
            apply(mutant, str(module.__file__))
    box = module.Box()
    assert (box.wait_s, box.put("a"), module.is_long(("abc",))) == seen


@pytest.mark.skipif(sys.platform != "linux", reason="forks are watched as Linux does it")
def test_a_fork_ends_with_its_code_or_its_limits() -> None:
    def turn() -> int:
        while True:
            pass

    assert fork_and_wait(lambda: 3) == "3"
    assert fork_and_wait(turn, cpu_s=1) == "signal 24"
    assert fork_and_wait(turn, wall_s=0.1) == "too late"


def test_the_table_names_existing_files() -> None:
    table = tomllib.loads((ROOT / "tests" / "mutants" / "modules.toml").read_text())
    paths = [ROOT / path for module, tests in table.items() for path in (module, *tests)]
    assert [path for path in paths if not path.exists()] == []


def test_accepted_mutants_name_existing_functions() -> None:
    missing = []
    for file in (ROOT / "tests" / "mutants" / "accepted").glob("*.toml"):
        for module, names in tomllib.loads(file.read_text()).items():
            defined = find_names(ast.parse((ROOT / module).read_text()))
            missing += [name for name in names if name.partition(": ")[0] not in defined]
    assert missing == []


def find_names(node: ast.AST, owner: str = "") -> set[str]:
    """Return the qualified names of functions, and of a module's constants."""
    names: set[str] = set()
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names |= {owner + child.name} | find_names(child, f"{owner}{child.name}.")
        elif isinstance(child, ast.Assign | ast.AnnAssign):
            targets = child.targets if isinstance(child, ast.Assign) else [child.target]
            names |= {owner + target.id for target in targets if isinstance(target, ast.Name)}
    return names
