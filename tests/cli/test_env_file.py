"""What `hearsay init` changes in a `.env` file, and what it leaves alone."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from dotenv import dotenv_values
from hypothesis import given
from hypothesis import strategies as st

from bots.setup.draft import Draft, merge
from core.errors import ConfigError
from tests.support.paths import ROOT


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "KEY=new\n"),
        ("KEY=old", "KEY=new"),
        ("A=1\n\nKEY=old # mine\nB=2\n", "A=1\n\nKEY=new # mine\nB=2\n"),
        ("KEY='a # b'\n", "KEY=new\n"),
        ("#KEY=old\n", "#KEY=old\nKEY=new\n"),
        ("KEY=1\nKEY=2\n", "KEY=1\nKEY=new\n"),
        ('A="two\nlines"\nKEY=\n', 'A="two\nlines"\nKEY=new\n'),
        ("key = old # mine\r\nB=2\r\n", "KEY=new # mine\r\nB=2\r\n"),
        ("what is this\nKEY=old\n", "what is this\nKEY=new\n"),
    ],
)
def test_only_the_value_changes(before: str, after: str) -> None:
    assert merge(before, {"KEY": "new"}) == after


def test_a_copy_of_the_example_keeps_all_its_lines() -> None:
    before = (ROOT / ".env.example").read_text()
    after = merge(before, {"MIMO_API_KEY": "sk-1", "ALLOWED_CHATS": "7, 8"})
    changed = [
        (one, other)
        for one, other in zip(before.splitlines(), after.splitlines(), strict=True)
        if one != other
    ]
    expected = [("MIMO_API_KEY=", "MIMO_API_KEY=sk-1"), ("ALLOWED_CHATS=", "ALLOWED_CHATS='7, 8'")]
    assert changed == expected


@given(st.text(alphabet=st.characters(exclude_categories=("C", "Z"), include_characters=" #'\"\\")))
def test_any_value_is_read_as_it_was_written(value: str) -> None:
    try:
        text = merge("A=1\n", {"KEY": value})
    except ConfigError:
        assert "${" in value
    else:
        assert dotenv_values(stream=io.StringIO(text)) == {"A": "1", "KEY": value}


def test_an_answer_may_take_a_value_away(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("ALLOWED_CHATS=7\nLOG_LEVEL=ERROR\n")
    draft = Draft(path)
    assert draft.is_set("allowed_chats")
    draft.set("allowed_chats", "")
    assert not draft.is_set("allowed_chats")
    assert draft.write() == ["ALLOWED_CHATS"]
    assert path.read_text() == "ALLOWED_CHATS=\nLOG_LEVEL=ERROR\n"
    assert not Draft(path).is_set("allowed_chats")


def test_a_failure_leaves_no_file_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / ".env"
    path.write_text("LOG_LEVEL=ERROR\n")
    draft = Draft(path)
    draft.set("web_port", "8766")

    def interrupt(*_: object) -> None:
        [fresh] = [one for one in tmp_path.iterdir() if one != path]
        assert fresh.stat().st_mode & 0o777 == 0o600
        raise KeyboardInterrupt

    monkeypatch.setattr("bots.setup.draft.sync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        draft.write()
    assert [*tmp_path.iterdir()] == [path] and path.read_text() == "LOG_LEVEL=ERROR\n"
