"""`make mutants`: how many small faults in a module its tests notice.

    python -m tests.mutants core/limits/rates.py --limit 60 --tests tests/limits/test_rates.py

One process collects a module's tests and forks for each mutant, which lives in the memory of that
child alone: the functions get other code. First all tests run once to learn which line each of
them reaches; a mutant then meets only those, until one fails. What tests start as programs of their
own runs as it is. Tests that follow the machine's clock are left out, unless `--real` is given.
"""

from __future__ import annotations

import argparse
import difflib
import json
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

from tests.mutants.forks import fork_and_wait
from tests.support.paths import ROOT

HERE = Path(__file__).parent


def main() -> int:
    options = _parser().parse_args()
    table: dict[str, list[str]] = tomllib.loads((HERE / "modules.toml").read_text())
    rows = []
    for module in options.modules or table:
        tests = options.tests or table.get(module)
        if not tests:
            sys.exit(f"{module}: name its tests in tests/mutants/modules.toml, or with --tests")
        rows.append(_one(module, tests, options))
        _print_survivors(module, rows[-1])
    _print_table(rows)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tests.mutants", description="Mutate modules.")
    parser.add_argument("modules", nargs="*", help="paths of modules; all of the table by default")
    parser.add_argument("--tests", nargs="+", help="tests to run instead of the table's")
    parser.add_argument("--limit", type=int, default=60, help="mutants per module, sampled")
    parser.add_argument("--seed", type=int, default=1, help="another seed is another sample")
    parser.add_argument("--seconds", type=float, default=300, help="time per module")
    parser.add_argument("--real", action="store_true", help="tests marked real_time, too")
    parser.add_argument("--match", default="", help="only mutants whose name has this text")
    return parser


def _one(module: str, tests: list[str], options: argparse.Namespace) -> dict[str, Any]:
    """Return the result of one module, found out in a process of its own."""
    from tests.mutants.session import run_module

    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        result = Path(folder) / "result.json"
        ended = fork_and_wait(lambda: run_module(module, tests, options, result), quiet=False)
        if not result.exists():
            sys.exit(f"{module}: its tests could not be run ({ended})")
        found: dict[str, Any] = json.loads(result.read_text())
    accepted = _accepted(module)
    found["module"] = module
    found["accepted"] = [one for one in found["survived"] if one["name"] in accepted]
    found["survived"] = [one for one in found["survived"] if one["name"] not in accepted]
    found["stale"] = [name for name in accepted if name not in found["names"]]
    return found


def _accepted(module: str) -> dict[str, str]:
    """Return the names of survivors that nobody can notice, each with the reason."""
    files = (ROOT / "tests" / "mutants" / "accepted").glob("*.toml")
    tables = [tomllib.loads(file.read_text()).get(module, {}) for file in files]
    return {name: reason for table in tables for name, reason in table.items()}


def _print_survivors(module: str, found: dict[str, Any]) -> None:
    original = (ROOT / module).read_text().splitlines()
    for one in found["survived"]:
        print(
            f"\n{module}:{one['line']}  {one['why']}\n{json.dumps(one['name'], ensure_ascii=False)}"
        )
        lines = difflib.unified_diff(original, one["source"].splitlines(), lineterm="", n=2)
        print("\n".join(list(lines)[2:]))
    for name in found["failing"]:
        print(f"{module}: left out, fails without any mutant: {name}")
    for name in found["stale"]:
        print(f"{module}: no such mutant any more, take it out of tests/mutants/accepted: {name}")


def _print_table(rows: list[dict[str, Any]]) -> None:
    print(
        f"\n{'module':<44}{'of':>6}{'mutants':>9}{'killed':>8}{'survived':>10}{'accepted':>10}{'%':>6}"
    )
    for row in [*rows, _sum(rows)] if len(rows) > 1 else rows:
        killed, survived = row["killed"], len(row["survived"])
        tried = killed + survived
        counts = (
            f"{len(row['names']):>6}{tried:>9}{killed:>8}{survived:>10}{len(row['accepted']):>10}"
        )
        print(f"{row['module']:<44}{counts}{100 * killed / max(1, tried):>6.1f}")


def _sum(rows: list[dict[str, Any]]) -> dict[str, Any]:
    keys = ("names", "killed", "survived", "accepted")
    return {"module": "all"} | {
        key: sum((row[key] for row in rows), start=type(rows[0][key])()) for key in keys
    }


if __name__ == "__main__":
    sys.exit(main())
