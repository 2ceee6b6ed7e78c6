"""Hearsay's one name among installed packages, and what `hearsay` starts.

`bots`, `core` and `migrations` stand beside this folder in a checkout and inside it once installed,
where names so common could be those of other packages. Either way they are found first.
"""

from __future__ import annotations

import sys
from pathlib import Path


def main() -> None:
    """Run the command line."""
    inside = Path(__file__).parent
    sys.path.insert(0, str(inside if (inside / "core").is_dir() else inside.parent))
    from bots.cli import main as run

    run()
