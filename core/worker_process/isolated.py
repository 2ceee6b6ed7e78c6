"""Runs a module of this program in a Python that nothing else has a say in.

argv: the module, its arguments; the module's `main` is called. Neither the environment nor the
working folder decides what is imported (-I), and the module is looked for beside this one: where
the program is installed as a package, others do not find its modules by these names.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

#: The folder that holds the package `core`.
_ROOT = str(Path(__file__).resolve().parents[2])


def command_of(module: str, *arguments: str) -> tuple[str, ...]:
    """Return the command that runs a module."""
    return sys.executable, "-I", __file__, module, *arguments


def main() -> None:
    """Run the module that the first argument names."""
    sys.path.insert(0, _ROOT)
    del sys.argv[0]
    import_module(sys.argv[0]).main()


if __name__ == "__main__":
    main()
