"""Each target accepts what it begins with, and fuzzing finds a fault and says how to repeat it."""

from __future__ import annotations

import json
import re
from importlib import import_module
from pathlib import Path

import pytest

from tests.fuzzing import TARGETS, planted
from tests.fuzzing.__main__ import fuzz
from tests.fuzzing.limits import limited
from tests.fuzzing.mutations import mutate_json


@pytest.mark.parametrize("name", TARGETS)
def test_nothing_is_wrong_with_the_seeds(name: str) -> None:
    target = import_module(f"tests.fuzzing.{name}")
    seeds = [*target.seeds()]
    assert len({*seeds}) == len(seeds) > 15
    for seed in seeds:
        limited(target.check)(seed)


def test_mutations_of_json_are_json_mostly() -> None:
    [seed] = planted.seeds()
    changed = [
        mutate_json(seed, 200, number, lambda data, most: data[:most]) for number in range(99)
    ]
    kept = [one for one in changed if one[:1] == b"x" and json.loads(one[1:]) is not ...]
    assert len(kept) == 99 and len({*kept}) > 30


@pytest.mark.real_time
def test_a_fault_is_found_and_can_be_repeated(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("atheris", reason="it has no wheel for this machine")
    assert fuzz("planted", 300, home=tmp_path) == 1
    printed = capsys.readouterr().out
    assert "AssertionError: the length is no number" in printed
    [again] = re.findall(r"To run it again: python -m tests\.fuzzing planted --again (.+)", printed)
    with pytest.raises(AssertionError, match="no number"):
        planted.check(Path(again).read_bytes())
    assert fuzz("planted", 300, again, tmp_path) == 1
    assert "the length is no number" in capsys.readouterr().out
    harmless = tmp_path / "harmless"
    harmless.write_bytes(b"x{}")
    assert fuzz("planted", 300, str(harmless), tmp_path) == 0
