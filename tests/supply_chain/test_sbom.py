"""The bill of materials names what the lock names, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.supply_chain import sbom
from tests.supply_chain.locks import RUN, read_lock


def test_it_names_every_locked_package_with_its_hashes() -> None:
    bom = json.loads(sbom.build_sbom(RUN))
    assert (bom["bomFormat"], bom["specVersion"]) == ("CycloneDX", "1.6")
    listed = {
        (part["name"], part["version"], part["purl"]): {h["content"] for h in part["hashes"]}
        for part in bom["components"]
    }
    locked = {
        (p.name, p.version, f"pkg:pypi/{p.name}@{p.version}"): {*p.hashes} for p in read_lock(RUN)
    }
    assert listed == locked
    assert bom["metadata"]["component"]["name"] == "hearsay-bot"
    [program] = [d for d in bom["dependencies"] if d["ref"] == "hearsay-bot"]
    assert len(program["dependsOn"]) == len(locked)


def test_the_same_lock_gives_the_same_file_and_another_lock_another(tmp_path: Path) -> None:
    assert sbom.build_sbom(RUN) == sbom.build_sbom(RUN)
    other = tmp_path / "other.lock"
    other.write_text("h11==0.16.0 \\\n    --hash=sha256:" + 64 * "0" + "\n")
    assert sbom.build_sbom(other) != sbom.build_sbom(RUN)


def test_make_sbom_writes_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "build" / "sbom.cdx.json"
    monkeypatch.setattr("sys.argv", ["sbom", str(path)])
    sbom.main()
    assert path.read_text() == sbom.build_sbom(RUN) + "\n"
    assert str(path) in capsys.readouterr().out
