"""Folders of the repository that tests read."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]
DATA = ROOT / "tests" / "data"
#: Real recordings; their texts and sources stand in SOURCES.md beside them.
SPEECH = DATA / "speech"
