"""`.env.example` and docs/settings.md name every setting with its default, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from dotenv import dotenv_values
from pydantic import SecretStr

from core.config import SECRETS, Settings
from tests.support.paths import ROOT

EXAMPLE = ROOT / ".env.example"


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An environment without any of our settings."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)


def test_every_setting_is_there_once_and_in_the_order_of_the_class() -> None:
    assert [*dotenv_values(EXAMPLE)] == [name.upper() for name in Settings.model_fields]
    names = [line.split("=")[0] for line in EXAMPLE.read_text().splitlines() if "=" in line]
    assert len([n for n in names if n.isupper()]) == len(Settings.model_fields)


@pytest.mark.usefixtures("bare")
def test_a_copy_changes_nothing() -> None:
    Path(".env").write_bytes(EXAMPLE.read_bytes())
    assert Settings() == Settings(_env_file=None)  # type: ignore[call-arg]


def test_defaults_are_shown() -> None:
    for name, text in dotenv_values(EXAMPLE).items():
        default = Settings.model_fields[name.lower()].default
        if isinstance(default, Path):
            assert text is not None and Path(text) == default, name
        else:
            shown = str(default).lower() if isinstance(default, bool) else str(default)
            assert text == (shown if default else ""), name


def test_the_table_of_settings_is_the_same_list() -> None:
    """Names in the order of the class; what stands in code as a default is the default."""
    _, _, table = (
        (ROOT / "docs" / "settings.md")
        .read_text()
        .partition("| Setting | Default | Meaning |\n|---|---|---|\n")
    )
    rows = [row.split("|")[1:3] for row in table.partition("\n\n")[0].splitlines()]
    told = {tuple(re.findall(r"`(\w+)`", names)): cell.strip() for names, cell in rows}
    fields = {name.upper(): field for name, field in Settings.model_fields.items()}
    assert [name for names in told for name in names] == [
        name for name in fields if not name.endswith("_FILE")
    ]
    for names, cell in told.items():
        defaults = [fields[name].default for name in names]
        if cell.startswith("`"):
            assert re.findall(r"`([^`]+)`", cell) == [_written(one) for one in defaults], names
        elif cell != "Telegram's":
            assert {one or None for one in defaults} == {None}, names


def _written(default: object) -> str:
    text = str(default).replace(str(Path.home()), "~")
    return text.lower() if isinstance(default, bool) else text


def test_it_holds_no_secret() -> None:
    values = dotenv_values(EXAMPLE)
    kinds = {n: f.annotation for n, f in Settings.model_fields.items()}
    secret = {name for name, kind in kinds.items() if SecretStr in getattr(kind, "__args__", ())}
    assert secret == set(SECRETS)
    assert {values[name.upper()] for name in secret} == {""}
    assert all(f"{name}_file" in kinds for name in secret)


def test_every_setting_is_explained() -> None:
    """Each group of settings follows a comment; only WEB_* explain themselves."""
    lines = EXAMPLE.read_text().splitlines()
    for number, line in enumerate(lines):
        if "=" not in line or line.startswith(("#", "WEB_")):
            continue
        before = lines[number - 1]
        assert before.startswith("#") or before.split("_FILE")[0].startswith(
            line.split("=")[0].removesuffix("_FILE").split("_")[0]
        ), line
