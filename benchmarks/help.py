"""Time until `hearsay --help` is there against pip's help and an import of typer alone.

    python -m benchmarks.help

Wall time and CPU time of whole processes, in turns, after one of each that is not counted.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence

from benchmarks.support.processes import ROOT, median, show

RUNS = 15
TARGET_S = 0.3
SIDES: dict[str, Sequence[str]] = {
    "hearsay --help": ("-m", "bots", "--help"),
    "pip --help": ("-m", "pip", "--help"),
    "python -c 'import typer'": ("-c", "import typer"),
    "python -c pass": ("-c", "pass"),
}


def run(arguments: Sequence[str]) -> tuple[float, float]:
    """Return the seconds that a process takes, and those of a processor."""
    before, started_s = os.times(), time.perf_counter()
    command = [sys.executable, *arguments]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    wall_s, after = time.perf_counter() - started_s, os.times()
    used_s = after.children_user + after.children_system
    return wall_s, used_s - before.children_user - before.children_system


def main() -> None:
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in SIDES}
    for number in range(RUNS + 1):
        for name, arguments in SIDES.items():
            taken = run(arguments)
            if number:
                found[name].append(taken)
    walls_s = {name: median([wall_s for wall_s, _ in taken]) for name, taken in found.items()}
    cpus_s = {name: median([cpu_s for _, cpu_s in taken]) for name, taken in found.items()}
    ours, pip, *_ = walls_s.values()
    rows = [(name, f"{wall_s:.2f}", f"{cpus_s[name]:.2f}") for name, wall_s in walls_s.items()]
    show(f"Median of {RUNS} runs", [("command", "seconds", "of a processor"), *rows])
    cpu_s = next(iter(cpus_s.values()))
    verdict = "reached" if cpu_s <= TARGET_S else "missed"
    print(f"\n  {ours / pip:.2f} × pip; {TARGET_S} s of a processor: {verdict}")


if __name__ == "__main__":
    main()
