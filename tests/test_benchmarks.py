"""The table of `make bench`: each row has another side and a target, and can be measured."""

from __future__ import annotations

import os

import pytest

from benchmarks.__main__ import GROUPS, MORE, find_rows
from benchmarks.support.rows import Figures, Row, measure_all
from benchmarks.table import growth


def test_every_row_has_another_side_and_a_target() -> None:
    rows = find_rows([*GROUPS, *MORE])
    assert len({row.name for row in rows}) == len(rows) > len(GROUPS)
    assert all(row.other and row.target >= 0 for row in rows)


def test_the_table_shows_figures_verdicts_and_load(capsys: pytest.CaptureFixture[str]) -> None:
    def measure() -> Figures:
        return Figures(80.0, 400.0)

    measure_all(
        [
            Row("text", "ms", "usual bot", 80, measure),
            Row("notes a second", "", "usual bot", 81, measure, is_minimum=True),
            Row("speech", "ms", "usual bot", 5, lambda: Figures(6, "needs ffmpeg")),
        ]
    )
    load, *lines = capsys.readouterr().out.strip().splitlines()
    assert "load average" in load and f"{os.cpu_count()} processors" in load
    cells = [line.split("  ") for line in lines]
    shown = [[cell.strip() for cell in row if cell] for row in cells]
    assert shown[1] == ["text, ms", "80", "400", "usual bot", "0.20", "≤ 80", "met"]
    assert shown[2][-2:] == ["≥ 81", "MISSED"]
    assert shown[3] == ["speech, ms", "6", "needs ffmpeg", "usual bot", "≤ 5", "MISSED"]


def test_a_row_measures_both_sides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growth, "MANY", 300)
    monkeypatch.setattr(growth, "RUNS", 1)
    figures = growth.measure.__wrapped__()
    assert set(figures) == {*growth.ASKED, growth.HELD}
    assert all(min(map(float, sides)) > 0 for sides in figures.values())
