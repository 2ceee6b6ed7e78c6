"""Import contracts: a planted module violates each of them."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.support.paths import ROOT

FOREIGN = """import alembic, audioop, av, davey, httpx, httpx_sse, nacl, obstore, pydub, sqlalchemy
import discord, opentelemetry, telegram
"""
#: Every forbidden import, by the module it is planted in; two of these are in no layer either.
PLANTED = {
    "core/planted.py": f"{FOREIGN}from bots import common",
    "bots/planted.py": FOREIGN,
    "core/commands/planted.py": "from core.commands import ask",
    "core/models/planted.py": "from core import errors",
    "core/store/planted.py": "from core import audio",
    "core/answering/planted.py": "from core.summaries import pipeline",
    "bots/web_chat/planted.py": "from bots import telegram_bot",
}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for name in ("hearsay", "bots", "core"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("*.pyc"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


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
        (copy / path).write_text(source)
    broken, said = check(copy)
    assert broken == dict.fromkeys(kept, "BROKEN")
    homes = re.findall(r"core\.planted -> (\w+)", said)
    assert {"sqlalchemy", "alembic", "httpx", "httpx_sse", "pydub", "av"} <= set(homes)
    assert {"telegram", "discord", "audioop", "davey", "nacl"} <= set(homes)
    for words in (
        *("core.planted", "core.models is not allowed to import core.errors"),
        *("core.store is not allowed to import core.audio", "bots.planted"),
        "bots.web_chat is not allowed to import bots.telegram_bot",
    ):
        assert words in said, said
