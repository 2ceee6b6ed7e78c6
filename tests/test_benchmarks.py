"""The table of `make bench`: each row has another side and a target, and can be measured."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from benchmarks.__main__ import GROUPS, MORE, find_rows
from benchmarks.support.rows import Figures, Row, measure_all
from benchmarks.table import growth, long_chats
from core.models import Chat
from tests.support.clean_start import open_store


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


def test_a_row_that_fails_does_not_hide_the_others(capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> Figures:
        raise OSError("no browser")

    rows = [
        Row("text", "ms", "usual bot", 80, fail),
        Row("speech", "ms", "usual bot", 5, lambda: Figures(4, 8)),
    ]
    with pytest.raises(SystemExit):
        measure_all(rows)
    printed = capsys.readouterr()
    *_, failed, measured = printed.out.strip().splitlines()
    assert failed.split()[:4] == ["text,", "ms", "failed", "failed"]
    assert failed.endswith("not measured") and measured.endswith("met")
    assert "OSError: no browser" in printed.err


async def test_the_chats_of_a_benchmark_are_those_of_its_browser(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(long_chats, "CHATS", 2)
    monkeypatch.setattr(long_chats, "ENTRIES", 3)
    long_chats.fill(tmp_path)
    store = open_store(tmp_path)
    person_id = await store.web_sessions.find_person(long_chats.MANY)
    found = await store.chats.conversations(Chat("web", "local", person_id), 10)
    assert [one.chat.chat_id for one in found] == [f"{person_id}-long", f"{person_id}-c0"]
    assert len(await store.jobs.history(found[0].chat, 10)) == 3
    await store.close()


def test_a_row_measures_both_sides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growth, "MANY", 300)
    monkeypatch.setattr(growth, "RUNS", 1)
    figures = growth.measure.__wrapped__()
    assert set(figures) == {*growth.ASKED, growth.HELD}
    assert all(min(map(float, sides)) > 0 for sides in figures.values())
