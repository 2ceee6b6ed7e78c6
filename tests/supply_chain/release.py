"""Builds what a release consists of: `make release`.

    python -m tests.supply_chain.release [--folder dist] [--unreleased]

A wheel, a source archive, the context of the container image, the bill of materials, the notes
from the changelog, and SHA256SUMS. The version is the newest one in CHANGELOG.md. A commit
gives the same bytes wherever the same version of Python builds it.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from tests.supply_chain.changelog import CHANGELOG, has_unreleased, read_notes, read_version
from tests.supply_chain.locks import RUN
from tests.supply_chain.sbom import build_sbom
from tests.support.paths import ROOT

#: What the image is built from; `deploy/docker/Dockerfile.dockerignore` lets nothing else in.
CONTEXT = (
    "deploy/docker/Dockerfile", "pyproject.toml", "requirements.lock", "README.md", "CHANGELOG.md",
    "LICENSE", "hearsay", "bots", "core", "migrations",
)  # fmt: skip
#: The time stamp of files, 2020-01-01: earlier ones do not fit into a wheel.
_EPOCH_S = 1_577_836_800


def list_tracked(*names: str, root: Path = ROOT) -> list[str]:
    """Return the files of the commit below `names`, all without any."""
    command = ["git", "ls-files", "-z", "--", *names]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    return sorted(name for name in done.stdout.split("\0") if (root / name).is_file())


def build(folder: Path) -> list[Path]:
    """Build everything into `folder`, which is made. Returns the files, SHA256SUMS last."""
    folder.mkdir(parents=True, exist_ok=True)
    changelog = CHANGELOG.read_text(encoding="utf-8")
    version = read_version(changelog)
    with tempfile.TemporaryDirectory() as place:
        # Of the commit's files alone: a checkout holds others, too.
        source = Path(place) / "source"
        _copy(list_tracked(), source)
        _build_packages(source, folder)
    context = folder / f"hearsay-image-{version}.tar.gz"
    context.write_bytes(pack(list_tracked(*CONTEXT)))
    sbom, notes = folder / f"hearsay-{version}.cdx.json", folder / f"hearsay-{version}.md"
    sbom.write_text(build_sbom(RUN), encoding="utf-8")
    notes.write_text(read_notes(changelog), encoding="utf-8")
    packages = (folder / f"hearsay_bot-{version}{end}" for end in ("-py3-none-any.whl", ".tar.gz"))
    files = [*packages, context, sbom, notes]
    sums = folder / "SHA256SUMS"
    digests = (f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in files)
    sums.write_text("".join(digests))
    return [*files, sums]


def _copy(names: list[str], target: Path) -> None:
    for name in names:
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes((ROOT / name).read_bytes())
        path.chmod(_find_mode(name))


def _find_mode(name: str) -> int:
    """Return the mode that a file has in any checkout: that of the owner, whatever the umask."""
    return 0o755 if (ROOT / name).stat().st_mode & 0o100 else 0o644


def _build_packages(source: Path, folder: Path) -> None:
    """Build the wheel and the source archive with the backend of pyproject.toml, as it is here."""
    code = (
        "from hatchling.build import build_sdist, build_wheel; import sys;"
        "build_sdist(sys.argv[1]); build_wheel(sys.argv[1])"
    )
    command = [sys.executable, "-c", code, str(folder.resolve())]
    environment = {"SOURCE_DATE_EPOCH": str(_EPOCH_S), "PATH": ""}
    subprocess.run(command, cwd=source, env=environment, check=True, stdout=subprocess.PIPE)


def pack(names: list[str]) -> bytes:
    """Return files of the checkout as a .tar.gz without owners and times of this machine."""
    packed = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=packed, mode="wb", filename="", mtime=_EPOCH_S) as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for name in names:
            data = (ROOT / name).read_bytes()
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode, entry.mtime = len(data), _find_mode(name), _EPOCH_S
            archive.addfile(entry, io.BytesIO(data))
    return packed.getvalue()


def main() -> None:
    """Build the release, unless changes wait for a version."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=ROOT / "dist")
    parser.add_argument(
        "--unreleased", action="store_true", help="although changes have no version"
    )
    options = parser.parse_args()
    if has_unreleased(CHANGELOG.read_text(encoding="utf-8")):
        text = "CHANGELOG.md has changes under [Unreleased]: give them a version and its date"
        if not options.unreleased:
            raise SystemExit(f"{text}, or build a trial: --unreleased")
    for file in build(options.folder):
        print(file)


if __name__ == "__main__":
    main()
