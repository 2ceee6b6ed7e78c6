"""The rules of who may import whom: planted modules break each of them."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.support.paths import ROOT

#: Every forbidden import, by the module it is planted in.
PLANTED = {
    "core/planted.py": """
        import alembic, audioop, av, davey, httpx, httpx_sse, nacl, pydub, sqlalchemy
        import discord, telegram
        from bots import text
    """,
    "bots/planted.py": """
        import alembic, audioop, av, davey, httpx, httpx_sse, nacl, pydub, sqlalchemy
        import discord, telegram
    """,
    "core/commands/planted.py": "from core.commands import ask",
}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for name in ("bots", "core"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("*.pyc"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def plant(folder: Path, path: str, source: str) -> None:
    (folder / path).write_text("\n".join(line.strip() for line in source.splitlines()))


def check(folder: Path) -> tuple[dict[str, str], str]:
    """Return what became of each contract, KEPT or BROKEN, and all that was said."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    said = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False).stdout
    return dict(re.findall(r"^(.+?) (KEPT|BROKEN)\b", said, re.MULTILINE)), said


def test_each_contract_sees_the_import_that_it_forbids(copy: Path) -> None:
    kept, _ = check(copy)
    contracts = tomllib.loads((copy / "pyproject.toml").read_text())["tool"]["importlinter"][
        "contracts"
    ]
    assert kept == {contract["name"]: "KEPT" for contract in contracts}
    for path, source in PLANTED.items():
        plant(copy, path, source)
    broken, said = check(copy)
    assert broken == dict.fromkeys(kept, "BROKEN")
    homes = re.findall(r"core\.planted -> (\w+)", said)
    assert {"sqlalchemy", "alembic", "httpx", "httpx_sse", "pydub", "av"} <= set(homes)
    assert {"telegram", "discord", "audioop", "davey", "nacl"} <= set(homes)


def test_what_no_layer_names_or_what_looks_up_or_aside_breaks_the_layers(copy: Path) -> None:
    planted = {
        "core/planted.py": "",
        "core/models/planted.py": "from core import errors",
        "core/store/planted.py": "from core import audio",
        "bots/planted.py": "",
        "bots/web_chat/planted.py": "from bots import telegram_bot",
    }
    for path, source in planted.items():
        plant(copy, path, source)
    states, said = check(copy)
    broken = {name for name, state in states.items() if state == "BROKEN"}
    assert broken == {"layers inside core", "layers inside bots"}
    for words in (
        *("core.planted", "core.models is not allowed to import core.errors"),
        *("core.store is not allowed to import core.audio", "bots.planted"),
        "bots.web_chat is not allowed to import bots.telegram_bot",
    ):
        assert words in said, said
