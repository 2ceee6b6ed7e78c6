"""What the processes that run tests do before they collect them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest
from _pytest.assertion import rewrite

#: A file system in memory, for the folders of tests: what waits for the disk waits for nothing.
_MEMORY = Path("/dev/shm")
#: Many times what the tests that run at once need. Containers often have much less.
_ROOM_BYTES = 2 << 30


def use_memory() -> None:
    """Keep the folders of tests in memory if there is room, unless another place was chosen."""
    if sys.platform != "linux" or not os.access(_MEMORY, os.W_OK):
        return
    found = os.statvfs(_MEMORY)
    has_room = found.f_bavail * found.f_frsize >= _ROOM_BYTES
    if has_room and not found.f_flag & os.ST_NOEXEC:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(_MEMORY))


def share_rewriting(config: pytest.Config, part: int, parts: int) -> None:
    """Rewrite the assertions of one part of the test files, as pytest does when it imports them.

    Rewriting takes longer than everything else in collecting, and all processes that run tests
    collect all of them: each does its part first, and then finds those of the others.
    """
    if sys.dont_write_bytecode:
        return
    state = config.stash[rewrite.assertstate_key]
    for path in islice(_list_files(config), part, None, parts):
        folder = rewrite.get_cache_dir(path)
        cached = folder / f"{path.stem}{rewrite.PYC_TAIL}"
        if rewrite.try_makedirs(folder) and rewrite._read_pyc(path, cached) is None:
            source, code = rewrite._rewrite_test(path, config)
            rewrite._write_pyc(state, code, source, cached)


def _list_files(config: pytest.Config) -> Iterator[Path]:
    for argument in config.args:
        place = config.invocation_params.dir / argument.partition("::")[0]
        for pattern in ("test_*.py", "conftest.py"):
            yield from sorted(place.rglob(pattern))
