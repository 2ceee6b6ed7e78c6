"""Looks every locked package up in databases of known holes.

    python -m tests.supply_chain.audit

pip-audit asks PyPI's own database, then OSV for what that one does not know. Exit codes: 0 nothing
is known, 1 a package has a known hole, 69 no database could be asked about some of them.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.supply_chain.locks import ALL

#: Options of pip-audit: the databases, the preferred one first.
DATABASES = {"PyPI": ("-s", "pypi"), "OSV": ("-s", "osv")}
HOLE, UNREACHABLE = 1, 69


def audit(locks: Sequence[Path], databases: Mapping[str, Sequence[str]]) -> tuple[int, str]:
    """Return the exit code and what is printed."""
    unknown: set[str] = set()
    for options in databases.values():
        found = _ask(locks, options)
        if found is None:
            continue
        if holes := [line for package in found for line in _describe(package)]:
            return HOLE, "\n".join(["Known holes in locked packages:", *holes])
        unknown = {package["name"] for package in found if "skip_reason" in package}
        if not unknown:
            return 0, f"No known hole in {len(found)} locked packages."
    names = " or ".join(databases)
    missing = f"{len(unknown)} packages were" if unknown else "Nothing was"
    return UNREACHABLE, (
        f"No database of known holes could be asked: {names} cannot be reached from here, or does"
        f" not know the packages. {missing} not checked. Run this again with access to the network."
    ).replace("Nothing was not checked", "Nothing was checked")


def _ask(locks: Sequence[Path], options: Sequence[str]) -> list[dict[str, Any]] | None:
    """Return the packages as pip-audit prints them, None if the database did not answer."""
    files = [part for path in locks for part in ("-r", str(path))]
    command = [sys.executable, "-m", "pip_audit", *options, "--disable-pip", "-f", "json"]
    done = subprocess.run(
        [*command, "--progress-spinner", "off", *files], capture_output=True, text=True
    )
    try:
        found: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except ValueError:
        return None
    return found


def _describe(package: dict[str, Any]) -> list[str]:
    return [
        f"{package['name']} {package['version']}: {hole['id']}, fixed in"
        f" {', '.join(hole['fix_versions']) or 'no version'}"
        for hole in package.get("vulns", ())
    ]


def main() -> None:
    code, text = audit(ALL, DATABASES)
    print(text)
    sys.exit(code)


if __name__ == "__main__":
    main()
