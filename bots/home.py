"""HEARSAY_HOME: the folder of the database and its key, and its lock."""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from core.errors import ConfigError

#: Held by the process that runs there.
LOCK_FILE = "hearsay.lock"


def make_home(home: Path) -> None:
    """Create the folder for the database and the key, readable by its owner only."""
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise ConfigError(f"HEARSAY_HOME {home} cannot be used: {error.strerror}") from None
    if not os.access(home, os.W_OK):
        raise ConfigError(f"HEARSAY_HOME {home} cannot be written to")
    found = home.stat()
    # A folder that everybody writes to, such as /tmp, is not ours to close.
    if found.st_uid == os.getuid() and found.st_mode & 0o077 and not found.st_mode & stat.S_ISVTX:
        with suppress(OSError):  # a file system without modes
            home.chmod(0o700)


@contextmanager
def lock_home(home: Path) -> Iterator[None]:
    """Hold a lock on the folder: a second process there is refused with ConfigError."""
    make_home(home)
    with lock_folder(home):
        yield


@contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder that is there, see `lock_home`."""
    with (folder / LOCK_FILE).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigError(f"another hearsay is already running in {folder}") from None
        yield
