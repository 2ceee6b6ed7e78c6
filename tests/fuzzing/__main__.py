"""Fuzz targets side by side, each in a process of its own, or run one input again.

python -m tests.fuzzing [TARGET ...] [--seconds 60]
python -m tests.fuzzing TARGET --again FILE
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

from tests.fuzzing import TARGETS
from tests.support.paths import ROOT

#: Where inputs are kept that reach new code, for the next run to begin with, and those that fail.
FOLDER = ROOT / "build" / "fuzzing"
_LACKING = "skipped: fuzzing needs atheris, which has wheels for Linux on x86-64 and Python < 3.15"
#: Lines of the output of a target that fails.
_SHOWN_LINES = 40


def main() -> int:
    options = _parser().parse_args()
    if find_spec("atheris") is None:
        print(_LACKING)
        return 1 if "CI" in os.environ else 0
    names = options.targets or TARGETS
    with ThreadPoolExecutor(len(names)) as threads:
        return max(threads.map(lambda name: fuzz(name, options.seconds, options.again), names))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tests.fuzzing", description="Fuzz what reads bytes.")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of: {', '.join(TARGETS)}")
    parser.add_argument("--seconds", type=int, default=60, help="for each target, by the clock")
    parser.add_argument("--again", metavar="FILE", help="only run this input of one target")
    return parser


def fuzz(name: str, seconds: int, again: str | None = None, home: Path = FOLDER) -> int:
    """Return 0 if nothing was found; else print what was, and how to run it again."""
    folder = home / name
    known = {*folder.glob("*-*")}
    command = [sys.executable, "-m", "tests.fuzzing.runner", name, str(seconds), str(folder)]
    ran = subprocess.run(
        [*command, *([again] if again else [])],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
    )  # fmt: skip
    if not ran.returncode:
        print(f"{name}: nothing found. {_describe(ran.stdout, folder)}", flush=True)
        return 0
    print(*ran.stdout.splitlines()[-_SHOWN_LINES:], sep="\n")
    for found in sorted({*folder.glob("*-*")} - known) or ([Path(again)] if again else []):
        print(f"{name}: found by {found}")
        print(f"To run it again: python -m tests.fuzzing {name} --again {found}", flush=True)
    return 1


def _describe(output: str, folder: Path) -> str:
    """Return about how many inputs were run, and how many are kept."""
    runs = re.findall(r"^#(\d+)\t", output, re.MULTILINE)
    return f"{runs[-1] if runs else 1} inputs, {len([*(folder / 'corpus').iterdir()])} kept."


if __name__ == "__main__":
    sys.exit(main())
