"""What the processes that run tests do before they collect them."""

from __future__ import annotations

import os
import sys
from copy import copy
from pathlib import Path

import pytest
from _pytest.assertion import rewrite

from tests.support.preparation import share_rewriting, use_memory


def test_each_process_rewrites_its_part(
    tmp_path: Path, pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    for name in ("test_a.py", "test_b.py", "other.py"):
        (tmp_path / name).write_text("def test() -> None:\n    assert 1 + 1 == 2\n")
    config = copy(pytestconfig)
    config.args = [f"{tmp_path}::test"]
    cached = [tmp_path / "__pycache__" / f"test_{name}{rewrite.PYC_TAIL}" for name in "ab"]
    share_rewriting(config, 0, 2)
    assert [one.exists() for one in cached] == [True, False]
    first = cached[0].stat()
    for part in (0, 1):
        share_rewriting(config, part, 2)
    assert sorted((tmp_path / "__pycache__").iterdir()) == cached
    assert cached[0].stat() == first, "what another process has rewritten is used"
    assert rewrite._read_pyc(tmp_path / "test_b.py", cached[1]), "pytest finds it"


def test_a_place_that_was_chosen_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_DEBUG_TEMPROOT", str(tmp_path))
    use_memory()
    assert os.environ["PYTEST_DEBUG_TEMPROOT"] == str(tmp_path)
