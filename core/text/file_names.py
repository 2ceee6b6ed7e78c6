"""File names that people send, made safe for every system."""

from __future__ import annotations

import re

#: Control characters, path separators, what Windows forbids, and bidirectional controls.
_UNSAFE = re.compile(
    r'[\x00-\x1f\x7f-\x9f/\\:*?"<>|\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]'
)
_NAME_CHARS = 120


def safe_name(claimed: str, fallback: str = "file") -> str:
    """Return a file name that is safe on every system, without any path."""
    name = re.split(r"[/\\]", claimed)[-1].encode("utf-8", "replace").decode("utf-8")
    name = _UNSAFE.sub("_", name).strip(" .")
    stem, dot, ending = name.rpartition(".")
    if dot and len(name) > _NAME_CHARS:
        name = stem[: max(1, _NAME_CHARS - len(ending) - 1)] + dot + ending
    return name[:_NAME_CHARS].strip(" .") or fallback
