"""Processor time of a voice note beside that of an older revision, in turns.

    python -m benchmarks.revision COMMIT [--rounds 4]

The older revision runs with the packages of its own lock. In each round both get the same hundred
notes of 15 s at once, so that the ratio does not depend on what else the machine does.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from operator import attrgetter
from pathlib import Path

from benchmarks.support.processes import HEARSAY, ROOT, median, show
from benchmarks.support.rows import load
from benchmarks.support.sides import (
    AT_ONCE,
    CHATS,
    WARM_UP_AT_ONCE,
    Work,
    notes,
    run_service,
    run_side,
)


@contextmanager
def check_out(commit: str) -> Iterator[str]:
    """Yield the PYTHONPATH of a revision: its code, and what its lock names."""
    with tempfile.TemporaryDirectory(prefix="hearsay-benchmark-") as folder:
        code, packages = Path(folder) / "code", Path(folder) / "packages"
        install = (sys.executable, "-m", "pip", "install", "--quiet", "--require-hashes")
        for command in (
            ("git", "clone", "--quiet", "--shared", ROOT, code),
            ("git", "-C", code, "checkout", "--quiet", commit),
            (*install, "--target", packages, "--requirement", code / "requirements.lock"),
        ):
            subprocess.run(command, check=True)
        yield f"{code}:{packages}"


def measure(paths: Sequence[str], rounds: int) -> list[list[Work]]:
    """Return what each round took, by PYTHONPATH. The first one, to warm up, is left out."""
    found: list[list[Work]] = [[] for _ in paths]
    with ExitStack() as stack:
        service = stack.enter_context(run_service())
        sides = [stack.enter_context(run_side(HEARSAY, service, PYTHONPATH=path)) for path in paths]
        many = iter(notes((rounds + 1) * (WARM_UP_AT_ONCE + AT_ONCE)))
        for _ in range(rounds + 1):
            first = [next(many) for _ in range(WARM_UP_AT_ONCE)]
            some = [next(many) for _ in range(AT_ONCE)]
            for side, works in zip(sides, found, strict=True):
                side.send_at_once(first, WARM_UP_AT_ONCE)
                works.append(side.measure_at_once(some, CHATS))
    return [works[1:] for works in found]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.revision", description=__doc__)
    parser.add_argument("commit")
    parser.add_argument("--rounds", type=int, default=4)
    given = parser.parse_args()
    with check_out(given.commit) as older:
        found = measure((str(ROOT), older), given.rounds)
    rows: list[tuple[str, ...]] = [("ms of a note", "now", given.commit, "ratio")]
    for name, figure in (("the program itself", "parent_ms"), ("all processes", "all_ms")):
        now_ms, then_ms = (median(list(map(attrgetter(figure), works))) for works in found)
        rows.append((name, f"{now_ms:.1f}", f"{then_ms:.1f}", f"{now_ms / then_ms:.2f}"))
    show(f"Median of {given.rounds} rounds; {load()}", rows)


if __name__ == "__main__":
    main()
