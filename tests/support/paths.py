"""Folders of the repository that tests read."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]
DATA = ROOT / "tests" / "data"
#: Recordings of people; SOURCES.md lists their texts and sources.
SPEECH = DATA / "speech"
