"""Glossary: applying it against one `re.sub` per correction, searching against plain rapidfuzz.

    python -m benchmarks.glossary

A full glossary and an hour of speech. The compared `re.sub` ignores case only; the compared
rapidfuzz search takes all phrases of up to three words, and neither folds letters nor compares
pronunciation. Each figure is the best of several runs.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from rapidfuzz import fuzz, process

from benchmarks.support.processes import ms, show
from core.glossary.apply import apply
from core.glossary.fuzzy_match import find_misheard
from core.glossary.rules import MAX_CORRECTIONS
from core.models import Correction

ROUNDS = 3
TEXT = " ".join(f"word{number % 9000} and more" for number in range(30_000))
FULL = tuple(Correction(f"word{n} and", f"meant{n}") for n in range(MAX_CORRECTIONS))
MEANT = "Kubernetes"


def substitute() -> str:
    text = TEXT
    for one in FULL:
        text = re.sub(rf"\b{re.escape(one.heard)}\b", one.meant, text, flags=re.IGNORECASE)
    return text


def search() -> object:
    words = TEXT.split()
    windows = {" ".join(words[n : n + size]) for size in (1, 2, 3) for n in range(len(words))}
    return process.extractOne(MEANT, windows, scorer=fuzz.ratio)


def best_s(work: Callable[[], object]) -> float:
    took = []
    for _ in range(ROUNDS):
        started_s = time.perf_counter()
        work()
        took.append(time.perf_counter() - started_s)
    return min(took)


def main() -> None:
    rows: list[list[object]] = [["", "ours, ms", "compared, ms", "compared/ours"]]
    for name, ours, other in (
        ("apply", lambda: apply(TEXT, FULL), substitute),
        ("find_misheard", lambda: find_misheard(TEXT, MEANT), search),
    ):
        ours_s, other_s = best_s(ours), best_s(other)
        rows.append([name, ms(ours_s), ms(other_s), f"{other_s / ours_s:.1f}x"])
    show(f"{len(TEXT.split()):,} words, {MAX_CORRECTIONS} corrections", rows)


if __name__ == "__main__":
    main()
