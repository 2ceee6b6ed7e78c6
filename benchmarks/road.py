"""Number of files and functions that one message passes through, against a limit per platform.

    python -m benchmarks.road [--list] [--check] [telegram | discord | transcriptions | web] ...

`hearsay run` runs in its own process, with one platform, which is a local server, and an engine
that takes no time. A user sends voice messages of four seconds, one after the other, in one
private chat. For each message, function calls are recorded from the moment at which the platform
delivers it until 0.6 s after the reply: by then the job is saved as done, and background tasks
have ended. Then comes a pause of 0.6 s, which is recorded as well.

A function counts if

- it is a named function in `bots/` or `core/`: also methods, properties and nested functions, but
  no module or class bodies, lambdas or comprehensions, and no generated functions such as the
  `__init__` of a dataclass;
- it is called, in any thread. A coroutine that resumes after a wait does not count again; worker
  processes are not traced;
- it is called for every message, which excludes occasional periodic work. The first message, for
  which the program builds what it needs on first use, is left out;
- it is not called in every pause: such a function is periodic, like a step of the event loop, and
  is left out even if the message needs it, too.

A function counts once, however often it is called. "Calls" is how often: the smallest number of
all messages, summed over the functions that count.
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
from functools import partial
from pathlib import Path
from typing import NamedTuple

from benchmarks.support.processes import ROOT, show
from benchmarks.support.road_trace import Function

ROADS = ("telegram", "discord", "transcriptions", "web")
#: Number of messages that count.
NOTES = 8
#: Number of platforms measured in parallel; each one mostly waits.
AT_ONCE = 3


class Limit(NamedTuple):
    """The most files and functions that a message may pass through."""

    files: int
    functions: int


#: What they pass through today: a message should not need more. Beside intake (with the inbox that
#: is all that a platform sees of the assistant, `core/inbox.py`), engine and delivery
#: there are, each a handful of functions and a file at most: whose messages are taken in
#: (`core/admission.py`), who may do what (`core/permissions.py`), the watch over stalls
#: (`core/stall.py`, `core/operations/delays.py`), one call per paid result and whose it is
#: (`core/requester.py`), who has to pay, whether they can, and what a call costs that is cancelled
#: (`core/limits/budgets.py` with its values, prices and rows), the language of the person who
#: speaks, the keys of the database and the digests of ids (`core/store/database/cipher.py`),
#: whether somebody new has to be told that an AI answers, the live message with its button to
#: cancel, and the recording, which is received and read in pieces (`RecordingSpool`, `read_chunks`,
#: and for forms `Upload`), over a connection with deadlines and one clear end (`HttpProtocol`) and
#: within the memory for bodies (`BodyLimit`), whose turn it is to be decoded (`core/fair_line.py`),
#: and whose decoder is not believed (`core/audio/frames.py`).
LIMITS = {
    "telegram": Limit(52, 192),
    "discord": Limit(55, 202),
    "transcriptions": Limit(32, 115),
}


def measure(name: str, count: int = NOTES) -> dict[Function, int]:
    """Return the functions that count on a platform, in order of first calls, with call counts."""
    with tempfile.TemporaryDirectory(prefix="hearsay-benchmark-") as home:
        report, log = Path(home) / "road.json", Path(home) / "log"
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "HEARSAY_HOME": home,
            "MODEL_PROBE": "off",
        }
        command = [
            sys.executable,
            "-m",
            "benchmarks.support.road_program",
            name,
            str(count),
            str(report),
        ]
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
    """Print each file with its functions, in order of first calls."""
    files: defaultdict[str, list[str]] = defaultdict(list)
    for function, returns in road.items():
        files[function.path].append(f"  {returns:5}  {function.name}")
    print(f"\nFunctions called for a message on {name}, with the number of calls")
    for path, lines in files.items():
        print("\n".join([path, *lines]))


def show_roads(roads: dict[str, dict[Function, int]]) -> None:
    rows: list[tuple[object, ...]] = [("", "files", "limit", "functions", "limit", "calls")]
    for name, road in roads.items():
        most = LIMITS.get(name, ("", ""))
        rows.append((name, count_files(road), most[0], len(road), most[1], sum(road.values())))
    show("Files and functions that one message passes through", rows)


def measure_all(names: Sequence[str], count: int = NOTES) -> dict[str, dict[Function, int]]:
    """Return what `measure` does for each of several platforms."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return dict(zip(names, pool.map(partial(measure, count=count), names), strict=True))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.road")
    parser.add_argument("roads", nargs="*", metavar="road", help=f"of {', '.join(ROADS)}")
    parser.add_argument("--list", action="store_true", help="name every file and function")
    parser.add_argument("--check", action="store_true", help="fail if a limit is exceeded")
    asked = parser.parse_args(arguments)
    if unknown := set(asked.roads) - set(ROADS):
        parser.error(f"no such road: {', '.join(sorted(unknown))}")
    roads = measure_all(asked.roads or ROADS)
    if asked.list:
        for name, road in roads.items():
            show_list(name, road)
    show_roads(roads)
    return int(asked.check and not all(is_within(name, road) for name, road in roads.items()))


if __name__ == "__main__":
    sys.exit(main())
