"""Writes the bill of materials of what `make run` installs, in CycloneDX 1.6.

    python -m tests.supply_chain.sbom [FILE]

It is made of requirements.lock alone: the same lock gives the same file.
"""

from __future__ import annotations

import sys
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from tests.supply_chain.changelog import CHANGELOG, read_version
from tests.supply_chain.locks import RUN, Locked, read_lock
from tests.support.paths import ROOT

OUTPUT = ROOT / "build" / "sbom.cdx.json"


def build_sbom(lock: Path) -> str:
    """Return the bill of materials of a lock file as JSON."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    name, version = project["name"], read_version(CHANGELOG.read_text(encoding="utf-8"))
    program = Component(
        name=name,
        version=version,
        type=ComponentType.APPLICATION,
        purl=PackageURL("pypi", name=name, version=version),
        bom_ref=name,
    )
    bom = Bom(components=[_build_component(package) for package in read_lock(lock)])
    bom.metadata.component = program
    # What changes from run to run says nothing about the lock.
    bom.metadata.timestamp = datetime(1980, 1, 1, tzinfo=UTC)
    bom.serial_number = uuid5(NAMESPACE_URL, lock.read_text())
    bom.register_dependency(program, bom.components)
    return JsonV1Dot6(bom).output_as_string(indent=2)


def _build_component(package: Locked) -> Component:
    """Return a package with the hashes of all files of it, which differ by machine."""
    component = Component(
        name=package.name,
        version=package.version,
        type=ComponentType.LIBRARY,
        purl=PackageURL("pypi", name=package.name, version=package.version),
        bom_ref=f"{package.name}=={package.version}",
    )
    for digest in package.hashes:
        component.hashes.add(HashType(alg=HashAlgorithm.SHA_256, content=digest))
    if package.marker:
        component.properties.add(Property(name="hearsay:marker", value=package.marker))
    return component


def main() -> None:
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else OUTPUT
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(build_sbom(RUN) + "\n")
    print(f"{path}: {sum(1 for _ in read_lock(RUN))} packages")


if __name__ == "__main__":
    main()
