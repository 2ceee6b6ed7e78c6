"""What a job changed in a glossary, so that it can be undone. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pydantic import TypeAdapter

from core.models import Correction

#: Whose words an entry is for, and the words that it replaces.
Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Change:
    """An entry of a glossary before and after a job; None where there is none."""

    before: Correction | None
    after: Correction | None

    @property
    def key(self) -> Key:
        """What an entry has at most once in a glossary."""
        return next(_key(one) for one in (self.before, self.after) if one)


_CHANGES = TypeAdapter(tuple[Change, ...])


def dump_changes(changes: tuple[Change, ...]) -> str:
    """Return the changes as JSON, for a button."""
    return _CHANGES.dump_json(changes).decode()


def load_changes(text: str) -> tuple[Change, ...]:
    """Return the changes in `text`. Raises ValueError."""
    return _CHANGES.validate_json(text)


def list_changes(
    before: tuple[Correction, ...], after: tuple[Correction, ...]
) -> tuple[Change, ...]:
    """Return what differs between two states of a glossary."""
    old, new = _index(before), _index(after)
    return tuple(
        Change(old.get(key), new.get(key))
        for key in old | new
        if not _is_same(old.get(key), new.get(key))
    )


def undo_changes(
    corrections: tuple[Correction, ...], changes: tuple[Change, ...]
) -> tuple[Correction, ...]:
    """Return `corrections` with the entries as they were before the changes.

    What somebody has changed, removed or added again since stays as it is.
    """
    kept = _index(corrections)
    for change in changes:
        if not _is_same(kept.get(change.key), change.after):
            continue
        if change.before:
            kept[change.key] = change.before
        else:
            del kept[change.key]
    return tuple(kept.values())


def is_undone(corrections: tuple[Correction, ...], changes: tuple[Change, ...]) -> bool:
    """Return True if every entry is now as it was before the changes."""
    now = _index(corrections)
    return all(_is_same(now.get(one.key), one.before) for one in changes)


def _key(correction: Correction) -> Key:
    return correction.scope, correction.heard


def _index(corrections: Iterable[Correction]) -> dict[Key, Correction]:
    return {_key(one): one for one in corrections}


def _is_same(one: Correction | None, other: Correction | None) -> bool:
    """Return True if both are the same correction, made by the same person."""
    return one == other and (one.by if one else "") == (other.by if other else "")
