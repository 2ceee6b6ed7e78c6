"""Two versions of a text, word by word: what changed, and where each word comes from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Change(NamedTuple):
    """Words that differ: [start, end) in the old version and in the new one."""

    old_span: tuple[int, int]
    new_span: tuple[int, int]

    @property
    def old(self) -> int:
        """How many words were replaced or deleted."""
        return self.old_span[1] - self.old_span[0]

    @property
    def new(self) -> int:
        """How many words replace them."""
        return self.new_span[1] - self.new_span[0]


def find_changes(old: Sequence[str], new: Sequence[str]) -> list[Change]:
    """Return the least changes that turn `old` into `new`, in order; neighbours are one."""
    # Only here: the program needs it when somebody edits a transcript, and else never.
    from rapidfuzz.distance.Levenshtein import opcodes

    found: list[Change] = []
    for operation in opcodes(old, new):
        if operation.tag == "equal":
            continue
        start, end = operation.src_start, operation.src_end
        first, last = operation.dest_start, operation.dest_end
        if found and (found[-1].old_span[1], found[-1].new_span[1]) == (start, first):
            (start, _), (first, _) = found.pop()
        found.append(Change((start, end), (first, last)))
    return found


def find_origins(old: Sequence[str], new: Sequence[str]) -> list[int]:
    """Return for each new word the index of the old one that it is or stands for, in order.

    Inserted words belong to the one before them. Neither version may be empty.
    """
    origins: list[int] = []
    at = 0
    for change in (*find_changes(old, new), Change((len(old),) * 2, (len(new),) * 2)):
        (start, _), (first, last) = change
        origins += range(at, at + first - len(origins))
        if change.old:
            origins += [start + n * change.old // change.new for n in range(change.new)]
        else:
            origins += [max(0, start - 1)] * (last - first)
        at = change.old_span[1]
    return origins
