"""`make run` on a machine that has nothing yet; `make roots` tries real ones."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from core.engines.offline.transcriber import OfflineTranscriber
from core.engines.wire.speech import make_silence
from core.errors import TranscriberMissing
from tests.cli.conftest import check
from tests.documents.shell import free_of_make
from tests.support.paths import ROOT

pytestmark = pytest.mark.finding(25)

LOCKS = sorted(ROOT.glob("requirements*.lock"))
#: pocketsphinx-5.1.1.tar.gz
SOURCE_HASH = "675778b309a22dfc9b7d37f7621976bba491d2a5f8c59696bd77fd6d07271355"
#: Debian's Python without python3-venv: it leaves an environment behind that has no pip.
NO_VENV = "mkdir -p .venv/bin; ln -sf {python} .venv/bin/python; echo 'apt install it'; exit 1"
#: An environment whose pip notes what it is asked to install; its Python is 3.14.
WITH_VENV = """mkdir -p .venv/bin; cat > .venv/bin/python <<'END'
#!/bin/sh
case "$*" in
*--version) exit 0 ;;
*'(3, 14)'*) exit 0 ;;
*) echo "$@" >> asked ;;
esac
END
cat > .venv/bin/hearsay <<'END'
#!/bin/sh
echo started
END
chmod +x .venv/bin/*"""


def make(folder: Path, venv: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run `make run` in a copy of what it needs, with a Python that makes environments so."""
    for path in (ROOT / "Makefile", ROOT / "pyproject.toml", *LOCKS):
        shutil.copy(path, folder)
    python = folder / "python3.14"
    script = venv.replace("{python}", sys.executable)
    python.write_text(f'#!/bin/sh\nif [ "$1" = -c ]; then exit 0; fi\n{script}\n')
    python.chmod(0o755)
    command = ["make", "run", f"PYTHON={python}", *(f"{k}={v}" for k, v in variables.items())]
    return subprocess.run(command, cwd=folder, env=free_of_make(), capture_output=True, text=True)


def test_without_venv_it_says_what_to_install(tmp_path: Path) -> None:
    done = make(tmp_path, NO_VENV)
    assert done.returncode != 0
    assert "On Debian and Ubuntu: apt install python3.14-venv" in done.stdout
    assert not (tmp_path / ".venv").exists()


def test_a_half_made_environment_is_made_again_and_progress_is_shown(tmp_path: Path) -> None:
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    done = make(tmp_path, WITH_VENV, CC="/nowhere/cc")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("Installing Hearsay into .venv") and lines[-1] == "started"
    assert any(line.startswith("Offline transcription is left out") for line in lines)
    assert "requirements-offline.lock" not in (tmp_path / "asked").read_text()


def test_with_a_compiler_the_offline_transcription_is_built(tmp_path: Path) -> None:
    done = make(tmp_path, WITH_VENV, CC="true")
    assert done.returncode == 0, done.stderr
    assert "left out" not in done.stdout and "Building the offline transcription" in done.stdout
    *_, tools, offline = (tmp_path / "asked").read_text().splitlines()
    assert tools.endswith("--require-hashes -r requirements-offline-build.lock")
    assert offline.endswith("--require-hashes --no-build-isolation -r requirements-offline.lock")


def test_every_python_from_3_11_on_is_accepted() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["requires-python"] == ">=3.11"
    lock = (ROOT / "requirements.lock").read_text()
    assert re.search(r"^pocketsphinx==\S+ ; python_full_version < '3.14'", lock, re.MULTILINE)
    assert SOURCE_HASH in (ROOT / "requirements-offline.lock").read_text()


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: str(path.name))
def test_locks_have_hashes_and_no_addresses(lock: Path) -> None:
    text = lock.read_text()
    assert "://" not in text and "--index" not in text
    pinned = re.split(r"\n(?=\S)", text.strip())
    assert [pin for pin in pinned if "==" not in pin or "--hash=sha256:" not in pin] == []


async def test_without_pocketsphinx_all_else_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pocketsphinx", None)
    engine = OfflineTranscriber()
    await engine.warm_up()
    with pytest.raises(TranscriberMissing):
        await engine.transcribe(make_silence(1.0))
    found = await check("offline")
    assert (found.status, found.code) == ("warn", 0) and "make offline" in found.cure


def test_the_readme_names_what_is_needed() -> None:
    text = (ROOT / "README.md").read_text()
    assert "apt install git make python3-venv" in text and "secret.key" in text
