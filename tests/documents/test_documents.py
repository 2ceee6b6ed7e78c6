"""Paths, links, layers and commands in the documents match the code."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import typer

from bots.cli import app
from core.commands import menu
from tests.documents.blocks import Block
from tests.support.paths import ROOT

DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *ROOT.glob(".github/*.md")])
#: Files that the recipes create.
NOT_FILES = {"whisper.py", "irc_bot.py", "count.py", "test_count.py"}


def test_the_readme_fits_on_one_screen() -> None:
    text = (ROOT / "README.md").read_text()
    # The measurements come last but for the links.
    without = re.sub(r"(?s)<!-- measured -->.*<!-- end -->\n", "", text)
    assert len(without.splitlines()) <= 60


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.name))
def test_links_and_paths_exist(document: Path) -> None:
    text = re.sub(r"```(python|diff).*?```", "", document.read_text(), flags=re.DOTALL)
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", text)
    assert [link for link in links if not (document.parent / link).exists()] == []
    top = "bots|core|migrations|tests|benchmarks"
    paths = re.findall(rf"(?<![\w/.])(?:{top})/[\w./-]*\w", text)
    missing = {path for path in paths if not (ROOT / path).exists()}
    assert {path for path in missing if Path(path).name not in NOT_FILES} == set()


def test_the_architecture_lists_the_layers(blocks: list[Block]) -> None:
    [block] = blocks
    told = [set(re.findall(r"\w+", line)) for line in block.text.splitlines()]
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    [layers] = [c["layers"] for c in contracts["contracts"] if c.get("containers") == ["core"]]
    assert told == [set(re.findall(r"\w+", layer)) for layer in layers]


def test_every_command_is_documented() -> None:
    text = (ROOT / "docs" / "commands.md").read_text()
    documented = set(re.findall(r"`/(\w+)", text))
    listed = {name for name, _ in menu(has_voice=True)}
    assert listed - documented == set()
    # The first of these is only sent by apps, the second mostly by our page, the other is a command
    # of @BotFather.
    assert documented - listed == {"start", "fix", "setprivacy"}


def test_every_command_of_the_command_line_is_documented() -> None:
    group = typer.main.get_command(app)
    assert isinstance(group, typer.core.TyperGroup)
    texts = [path.read_text() for path in DOCUMENTS if path.parent.name == "docs"]
    documented = {name for text in texts for name in re.findall(r"bin/hearsay ([\w-]+)", text)}
    assert set(group.commands) - documented <= {"run"}
    assert documented <= set(group.commands)
