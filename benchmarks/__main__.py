"""All measurements as one table: each figure beside that of another side, and its target.

    python -m benchmarks [GROUP] ...   # by default all of GROUPS; each is a module of `table`
    python -m benchmarks --write       # also into docs/measurements.md and the README

Both sides are measured in the same run, in turns where they can be, since other programs may keep
the machine busy; the table shows its load. Figures are medians.
"""

from __future__ import annotations

import argparse
from importlib import import_module

from benchmarks.support.rows import Row, measure_all

GROUPS = (
    *("notes", "neighbour", "flood", "idle", "store", "growth"),
    *("discord", "api", "first_audio", "long_chats"),
)
#: Measured only if they are named.
MORE = ("pipeline", "long", "scale")


def find_rows(groups: list[str]) -> list[Row]:
    return [row for group in groups for row in import_module(f"benchmarks.table.{group}").ROWS]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=", ".join((*GROUPS, *MORE)))
    parser.add_argument("--write", action="store_true", help="into the documents, too")
    options = parser.parse_args()
    chosen = options.groups
    if unknown := set(chosen) - {*GROUPS, *MORE}:
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    if options.write and chosen:
        parser.error("only the whole table is written")
    measure_all(find_rows(chosen or list(GROUPS)), is_written=options.write)


if __name__ == "__main__":
    main()
