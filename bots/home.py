"""HEARSAY_HOME: the folder of the database and its key, and its lock."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.errors import ConfigError


def make_home(home: Path) -> None:
    """Create the folder for the database and the key, readable by its owner only."""
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise ConfigError(f"HEARSAY_HOME {home} cannot be used: {error.strerror}") from None
    if not os.access(home, os.W_OK):
        raise ConfigError(f"HEARSAY_HOME {home} cannot be written to")


@contextmanager
def lock_home(home: Path) -> Iterator[None]:
    """Hold a lock on the folder: a second process there is refused with ConfigError."""
    make_home(home)
    with (home / "hearsay.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigError(f"another hearsay is already running in {home}") from None
        yield
