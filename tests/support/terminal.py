"""A terminal in which `hearsay` runs, and somebody who types."""

from __future__ import annotations

import os
import select
import time
from typing import Self

import psutil

from tests.support.fork_server import share_fork_server
from tests.support.hearsay_command import Hearsay

_PATIENCE_S = 60


class Terminal:
    """A pseudo-terminal with one command in it; a context manager."""

    def __init__(self, hearsay: Hearsay, *arguments: str, **settings: str) -> None:
        self._ours, self._theirs = os.openpty()
        self._shown = ""
        #: How much of what is shown was expected before.
        self._read_chars = 0
        self._pid = share_fork_server().fork(
            ["hearsay", *arguments],
            hearsay.environment(settings),
            folder=hearsay.folder,
            terminal=os.ttyname(self._theirs),
        )

    @property
    def shown(self) -> str:
        """All that the terminal has shown so far, in one line."""
        return " ".join(self._shown.split())

    def expect(self, words: str) -> None:
        """Wait until `words` are shown, after what was expected before."""
        while (at := self.shown.find(words, self._read_chars)) < 0:
            assert self._receive(_PATIENCE_S), f"{words!r} is not in {self.shown!r}"
        self._read_chars = at + len(words)

    def type(self, line: str = "") -> None:
        """Type a line and press Enter."""
        os.write(self._ours, f"{line}\n".encode())

    def answer(self, words: str, line: str = "") -> None:
        """Wait for a question that ends in `words`, and type the answer."""
        self.expect(words)
        self.type(line)

    def interrupt(self) -> None:
        """Press Ctrl-C once the program waits: Python may miss a signal right before it reads."""
        program = psutil.Process(self._pid)
        while program.status() != psutil.STATUS_SLEEPING:
            time.sleep(0.001)  # no process tells another that it waits
        os.write(self._ours, b"\x03")

    def wait(self) -> int:
        """Return the exit code of the command, once it has ended."""
        code = share_fork_server().wait(self._pid, _PATIENCE_S)
        while self._receive(0):
            pass
        return code

    def _receive(self, timeout_s: float) -> bool:
        """Read what is shown next; return whether there was anything in time."""
        if not select.select([self._ours], [], [], timeout_s)[0]:
            return False
        self._shown += os.read(self._ours, 65_536).decode(errors="replace")
        return True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if share_fork_server().poll(self._pid) is None:
            os.kill(self._pid, 9)
        os.close(self._theirs)
        os.close(self._ours)
