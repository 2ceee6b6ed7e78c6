"""A disk whose power is cut: what was written to it and not synced is gone."""

from __future__ import annotations

import filecmp
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

SIZE_BYTES = 700 * 2**20
#: Else the kernel would go on writing to a new file system.
_COMPLETE = "lazy_itable_init=0,lazy_journal_init=0"


class NoDisk(Exception):
    """Nobody but root can make a disk."""


class Disk:
    """A file system in a file. What is not synced yet is in the kernel's memory, not in the file.

    As the kernel writes that after some seconds by itself, a copy of the file is what a machine
    finds on its disk after a power failure.
    """

    def __init__(self, folder: Path) -> None:
        """folder: of the file, and of where it is mounted."""
        folder.mkdir()
        self.image, self.root = folder / "image", folder / "root"
        self.root.mkdir()

    def format(self) -> None:
        """Make an empty file system and mount it. Raises NoDisk."""
        _run("truncate", "-s", str(SIZE_BYTES), str(self.image))
        _run("mkfs.ext4", "-q", "-F", "-E", _COMPLETE, str(self.image))
        self.mount()

    def mount(self) -> None:
        """Mount it, which repairs it as after a power failure. Raises NoDisk."""
        _run("mount", "-o", "loop", str(self.image), str(self.root))

    def unmount(self) -> None:
        """Unmount it."""
        _run("umount", str(self.root))

    def copy_to(self, other: Disk) -> None:
        """Copy what would be left now. Nobody may use the disk meanwhile."""
        while True:
            _run("cp", "--sparse=always", str(self.image), str(other.image))
            # Unequal if the kernel has written something in between: that is no moment.
            if filecmp.cmp(self.image, other.image, shallow=False):
                return


class Disks:
    """Disks in memory, all of which are unmounted and deleted at the end."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._numbers = folder, count()

    def add(self) -> Disk:
        """Return a disk that is neither formatted nor mounted."""
        return Disk(self._folder / str(next(self._numbers)))


@contextmanager
def open_disks() -> Iterator[Disks]:
    memory = Path("/dev/shm")
    folder = Path(
        tempfile.mkdtemp(prefix="hearsay-disks-", dir=memory if memory.exists() else None)
    )
    folder.chmod(0o755)  # a server of PostgreSQL has a user of its own
    try:
        yield Disks(folder)
    finally:
        for root in folder.glob("*/root"):
            if root.is_mount():
                _run("umount", str(root))
        shutil.rmtree(folder)


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NoDisk(f"{command[0]}: {done.stderr.strip()}")
