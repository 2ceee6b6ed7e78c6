"""How much of the program one message passes: `make road`, or with `--list` all of it by name.

    python -m benchmarks.road [--list] [--check] [telegram | discord | transcriptions | web] ...

`hearsay run` runs in a process of its own, with one platform, which is a local server, and an
engine that hears at once. A person there sends voice notes of four seconds, one after the other in
one private chat. Of each note the calls are recorded from the moment at which the platform shows
it until a second after the reply was delivered: by then the job is recorded as done, and whatever
was begun beside has ended. After that comes a pause of 2.5 s, which is recorded as well.

What counts is a function

- that is written in `bots/` or `core/` and has a name: methods, properties and nested functions
  too; neither bodies of modules and classes nor lambdas and comprehensions, and nothing that a
  library made, such as the `__init__` of a dataclass;
- that is entered, in whichever thread. A coroutine that goes on after a wait was entered before;
  what child processes do is seen from their parent only;
- for every note. What now and then runs by itself is not in all of them. The first note, at which
  the program builds what is built at first use, is left out;
- and not in every pause: what is runs by itself, such as a step of the event loop, and is left out
  even if the note has need of it as well.

A function counts once, however often it is entered. "Returns" tells how often: for each function
that counts the number of the note with the fewest.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from benchmarks.processes import ROOT, show
from benchmarks.road_trace import Function

ROADS = ("telegram", "discord", "transcriptions", "web")
#: Notes that count.
NOTES = 8
#: Roads that are measured side by side: most of the time each waits.
AT_ONCE = 2


class Limit(NamedTuple):
    """How much of the program a message may pass."""

    files: int
    functions: int


LIMITS = {
    "telegram": Limit(25, 110),
    "discord": Limit(30, 130),
    "transcriptions": Limit(15, 70),
}


def measure(name: str, count: int = NOTES) -> dict[Function, int]:
    """Return every function on a road, in the order of first calls, and how often it returned."""
    with tempfile.TemporaryDirectory(prefix="hearsay-benchmark-") as home:
        report, log = Path(home) / "road.json", Path(home) / "log"
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "HEARSAY_HOME": home,
            "MODEL_PROBE": "off",
        }
        command = [sys.executable, "-m", "benchmarks.road_program", name, str(count), str(report)]
        with log.open("wb") as file:
            done = subprocess.run(
                command, cwd=home, env=environment, stdout=file, stderr=file, check=False,
            )  # fmt: skip
        if done.returncode or not report.exists():
            raise RuntimeError(log.read_text(errors="replace")[-4000:])
        rows = json.loads(report.read_text())
    return {Function(*place): returns for *place, returns in rows}


def count_files(road: dict[Function, int]) -> int:
    return len({function.path for function in road})


def is_within(name: str, road: dict[Function, int]) -> bool:
    limit = LIMITS.get(name)
    return not limit or (count_files(road) <= limit.files and len(road) <= limit.functions)


def show_list(name: str, road: dict[Function, int]) -> None:
    """Print every file with its functions, both in the order of first calls."""
    files: defaultdict[str, list[str]] = defaultdict(list)
    for function, returns in road.items():
        files[function.path].append(f"  {returns:5}  {function.name}")
    print(f"\nThe road of {name}, with the returns of each function")
    for path, lines in files.items():
        print("\n".join([path, *lines]))


def show_roads(roads: dict[str, dict[Function, int]]) -> None:
    rows: list[tuple[object, ...]] = [("", "files", "limit", "functions", "limit", "returns")]
    for name, road in roads.items():
        most = LIMITS.get(name, ("", ""))
        rows.append((name, count_files(road), most[0], len(road), most[1], sum(road.values())))
    show("What one message passes", rows)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.road")
    parser.add_argument("roads", nargs="*", metavar="road", help=f"of {', '.join(ROADS)}")
    parser.add_argument("--list", action="store_true", help="name every file and function")
    parser.add_argument("--check", action="store_true", help="fail if a limit is exceeded")
    asked = parser.parse_args(arguments)
    if unknown := set(asked.roads) - set(ROADS):
        parser.error(f"no such road: {', '.join(sorted(unknown))}")
    names = asked.roads or ROADS
    with ThreadPoolExecutor(AT_ONCE) as pool:
        roads = dict(zip(names, pool.map(measure, names), strict=True))
    if asked.list:
        for name, road in roads.items():
            show_list(name, road)
    show_roads(roads)
    return int(asked.check and not all(is_within(name, road) for name, road in roads.items()))


if __name__ == "__main__":
    sys.exit(main())
