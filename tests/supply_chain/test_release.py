"""`make release` builds the same files twice, and the wheel runs wherever it is installed."""

from __future__ import annotations

import hashlib
import json
import os
import site
import subprocess
import sys
import tarfile
import urllib.request
import venv
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.supply_chain import release
from tests.supply_chain.changelog import CHANGELOG, has_unreleased, read_notes, read_version
from tests.support.paths import SPEECH

EXAMPLE = """# Changelog

## [Unreleased]

## [1.3.0] - 2031-05-06

### Added

- A thing.

## [1.2.0] - 2031-01-02

### Added

- Another one.
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    release.build(folder)
    return folder


class Installed:
    """The wheel in an environment of its own, with the packages it needs and nothing of ours."""

    def __init__(self, folder: Path, wheel: Path) -> None:
        self.folder, self.bin = folder, folder / "venv" / "bin"
        venv.create(folder / "venv", with_pip=False)
        [packages] = (folder / "venv").glob("lib/python*/site-packages")
        # The packages of this environment, without our checkout: .pth files there do not count.
        (packages / "needed.pth").write_text("\n".join(site.getsitepackages()))
        # Other people's packages with names like ours.
        for name in ("core", "bots", "migrations"):
            (packages / name).mkdir()
            (packages / name / "__init__.py").write_text("raise ImportError('another package')")
        pip = (sys.executable, "-m", "pip", "-q", "--disable-pip-version-check", "--python")
        options = ("--no-deps", "--no-index", "--no-compile", str(wheel))
        subprocess.run([*pip, str(self.bin / "python"), "install", *options], check=True)
        self.packages = packages

    def environment(self) -> dict[str, str]:
        home = {"HOME": str(self.folder), "HEARSAY_HOME": str(self.folder / "home")}
        return {"PATH": os.environ["PATH"], "WEB_PORT": "0", **home}

    def __call__(self, *arguments: str) -> str:
        done = subprocess.run(
            [self.bin / "hearsay", *arguments], cwd=self.folder, env=self.environment(),
            check=True, capture_output=True, text=True,
        )  # fmt: skip
        return done.stdout

    @contextmanager
    def running(self) -> Iterator[str]:
        """Run the program; yield the URL of its page."""
        with subprocess.Popen(
            [self.bin / "hearsay", "run"], cwd=self.folder, env=self.environment(),
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        ) as program:  # fmt: skip
            try:
                assert program.stdout is not None
                yield next(line.split()[-1] for line in program.stdout if "http://" in line)
            finally:
                program.kill()


@pytest.fixture(scope="module")
def installed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    [wheel] = built.glob("*.whl")
    return Installed(tmp_path_factory.mktemp("elsewhere"), wheel)


def test_the_wheel_migrates_and_finds_its_setup_correct(installed: Installed) -> None:
    version = read_version(CHANGELOG.read_text())
    assert installed("--version") == f"hearsay {version}\n"
    assert installed("migrate") == "The database is up to date.\n"
    found = json.loads(installed("doctor", "--json"))
    # Its worker processes start, too.
    assert {"sound", "sandbox"} <= {one["name"] for one in found["checks"]}
    assert found["exit_code"] == 0


@pytest.mark.pocketsphinx
def test_the_wheel_transcribes(installed: Installed) -> None:
    assert installed("transcribe", str(SPEECH / "cards-001.wav")) == "ten of clubs\n"


def test_the_wheel_serves_its_page(installed: Installed) -> None:
    with installed.running() as url, urllib.request.urlopen(url) as page:
        assert b"<title>Hearsay</title>" in page.read()
        with urllib.request.urlopen(f"{url.rstrip('/')}/static/app.js") as script:
            assert script.status == 200


def test_the_wheel_adds_one_name(built: Path) -> None:
    [wheel] = built.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    version = read_version(CHANGELOG.read_text())
    assert {name.split("/")[0] for name in names} == {"hearsay", f"hearsay_bot-{version}.dist-info"}
    # Nothing that runs whenever Python starts.
    assert not any(name.endswith(".pth") for name in names)
    tracked = release.list_tracked("hearsay", "bots", "core", "migrations")
    inside = {name.removeprefix("hearsay/") for name in names if name.startswith("hearsay/")}
    assert inside == {name.removeprefix("hearsay/") for name in tracked}


def test_the_source_archive_has_every_file_of_the_commit(built: Path) -> None:
    [archive] = built.glob("hearsay_bot-*.tar.gz")
    with tarfile.open(archive) as opened:
        names = {name.partition("/")[2] for name in opened.getnames()}
    assert names == {*release.list_tracked(), "PKG-INFO"}


def test_two_builds_give_the_same_bytes(built: Path, tmp_path: Path) -> None:
    release.build(tmp_path)
    files = {file.name: file.read_bytes() for file in built.iterdir()}
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == files
    sums = (built / "SHA256SUMS").read_text().splitlines()
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    del digests["SHA256SUMS"]
    assert dict(line.split("  ")[::-1] for line in sums) == digests


def test_a_release_has_the_newest_version_and_its_notes() -> None:
    assert read_version(EXAMPLE) == "1.3.0"
    assert read_notes(EXAMPLE) == "### Added\n\n- A thing.\n"
    assert not has_unreleased(EXAMPLE)
    assert has_unreleased(EXAMPLE.replace("## [1.3.0]", "### Added\n\n- New.\n\n## [1.3.0]"))


def test_changes_without_a_version_are_not_released(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "CHANGELOG.md").write_text("## [Unreleased]\n\n### Added\n\n- New.\n\n## [1.0.0]")
    monkeypatch.setattr(release, "CHANGELOG", tmp_path / "CHANGELOG.md")
    monkeypatch.setattr(sys, "argv", ["release", "--folder", str(tmp_path / "dist")])
    with pytest.raises(SystemExit, match="give them a version"):
        release.main()
    assert not (tmp_path / "dist").exists()
