"""The table of `make bench`: each row has another side and a target, and can be measured."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from benchmarks.__main__ import GROUPS, MORE, find_rows
from benchmarks.support import documents
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


def test_the_documents_show_the_whole_table_with_date_and_machine() -> None:
    """`python -m benchmarks --write` writes them; the README has a part of the same rows."""
    page, readme = documents.PAGE.read_text(), documents.README.read_text()
    lines = [line.split(" | ") for line in page.splitlines() if line.startswith("| ")]
    names = [
        f"| {row.name}, {row.unit}" if row.unit else f"| {row.name}" for row in find_rows([*GROUPS])
    ]
    assert [line[0] for line in lines[2:]] == names
    [part] = re.findall(r"(?s)<!-- measured -->\n(.*?)<!-- end -->", readme)
    shown = [line.removesuffix(" |").split(" | ") for line in part.splitlines() if line[:2] == "| "]
    assert len(shown[2:]) == len(documents.SHOWN)
    assert all(row in [line[:5] for line in lines] for row in shown[2:])
    for text in (page, part):
        assert re.search(r"Measured on \d{4}-\d\d-\d\d: \d+ processors \(.+\), \d+ GB", text)


def test_documents_are_written_between_their_marks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "README.md").write_text("before\n<!-- measured -->\nold\n<!-- end -->\nafter\n")
    monkeypatch.setattr(documents, "README", tmp_path / "README.md")
    monkeypatch.setattr(documents, "PAGE", tmp_path / "page.md")
    rows = [
        ("text, p50, ms", "80", "400", "usual bot", "0.20", "≤ 80", "met"),
        ("a row of no note", "1", "2", "x", "0.50", "≤ 3", "met"),
    ]
    documents.write_documents(rows, "load average 0.1")
    readme = (tmp_path / "README.md").read_text()
    assert readme.startswith("before\n<!-- measured -->\nMeasured on ")
    assert readme.endswith("| text, p50, ms | 80 | 400 | usual bot | 0.20 |\n<!-- end -->\nafter\n")
    page = (tmp_path / "page.md").read_text()
    assert "| a row of no note | 1 | 2 | x | 0.50 | ≤ 3 | met |" in page
    assert "load average 0.1." in page


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
