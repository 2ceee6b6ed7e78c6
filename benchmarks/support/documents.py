"""The table of measurements in documents: docs/measurements.md has all of it, README a part."""

from __future__ import annotations

import os
import platform
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.support.rows import HEADER
from core.clock import CLOCK

ROOT = Path(__file__).parents[2]
PAGE, README = ROOT / "docs" / "measurements.md", ROOT / "README.md"
#: The rows that the README shows, with their figures and the ratio.
SHOWN = (
    "text, p50",
    "notes a second, 100 in 50 chats",
    "short note while an hour is transcribed, p50",
    "processor time of a note",
    "start to the first getUpdates",
    "idle memory, proportional",
)
_COLUMNS = (0, 1, 2, 3, 4)
_TABLE = re.compile(r"(?s)<!-- measured -->\n.*?<!-- end -->")
_INTRO = """# Measurements

`make bench` prints this table: each figure beside that of another side, measured in the same run,
since other programs may keep the machine busy. `.venv/bin/python -m benchmarks --write` writes it
here and into the README. {machine}

"""


def describe_machine() -> str:
    """Return when and on what it was measured, without a name of the machine."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    python = ".".join(map(str, sys.version_info[:3]))
    return (
        f"Measured on {CLOCK.now():%Y-%m-%d}: {os.cpu_count()} processors ({_name_processor()}), "
        f"{memory:.0f} GB, {platform.system()} {platform.release().split('-')[0]}, Python {python}."
    )


def _name_processor() -> str:
    names = re.findall(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    return names[0] if names else platform.machine()


def format_table(rows: Sequence[Sequence[str]]) -> str:
    """Return rows, the first of which is the header, as a table in Markdown."""
    header, *rest = rows
    rule = ["---"] + ["---:"] * (len(header) - 1)
    return "".join(f"| {' | '.join(row)} |\n" for row in (header, rule, *rest))


def write_documents(lines: Sequence[Sequence[str]], load: str) -> None:
    """Write the table into both documents. lines: the cells of each row. load: of the machine."""
    machine = f"{describe_machine()} {load}."
    PAGE.write_text(_INTRO.format(machine=machine) + format_table([HEADER, *lines]))
    shown = [line for line in lines if line[0] in SHOWN or line[0].rpartition(", ")[0] in SHOWN]
    part = format_table([[row[at] for at in _COLUMNS] for row in (HEADER, *shown)])
    text = f"<!-- measured -->\n{describe_machine()}\n\n{part}<!-- end -->"
    README.write_text(_TABLE.sub(lambda _: text, README.read_text()))
