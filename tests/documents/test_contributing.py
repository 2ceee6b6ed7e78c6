"""What CONTRIBUTING.md tells to type, and its example of a test."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from core.clock import Clock
from tests.documents.blocks import Block
from tests.documents.shell import free_of_make
from tests.support.paths import ROOT


class Reminder:
    """What the example supposes."""

    after_s = 3600.0

    def __init__(self, *, clock: Clock) -> None:
        self._clock, self._began_s = clock, clock.monotonic()

    @property
    def is_due(self) -> bool:
        return self._clock.monotonic() - self._began_s >= self.after_s


def run(line: str) -> str:
    """Run a line in the checkout, with this environment as its .venv."""
    line = line.replace(".venv/bin/pytest", f"{sys.executable} -m pytest -q -p no:cacheprovider")
    done = subprocess.run(
        ["bash", "-c", f"{line} 2>&1"],
        cwd=ROOT, env=free_of_make(), stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert done.returncode == 0, f"{line}\n{done.stdout}"
    return done.stdout


def test_the_commands_do_what_they_say(blocks: list[Block]) -> None:
    """A target of make is looked up, since each takes minutes; CI runs them."""
    lines = blocks[0].commands
    targets = [line for line in lines if line.startswith("make ")]
    shown = run("make help")
    for line in targets:
        assert f"{line} " in shown
        run(line.replace("make ", "make -n "))
    rest = [line for line in lines if line not in targets]
    assert len(rest) > 2
    for line in rest:
        # What another line runs a part of runs anyway, with all other tests.
        if not any(other.startswith(f"{line} ") for other in rest):
            assert " passed" in run(line)


async def test_the_example_passes(
    blocks: list[Block], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the loop of this test; and it fails for reminders that come too early or too late."""
    names: dict[str, Any] = {"Clock": Clock, "Reminder": Reminder}
    exec(compile(blocks[0].text, blocks[0].place, "exec"), names)
    [test] = [value for name, value in names.items() if name.startswith("test_")]
    await test(clock)
    for wrong_s in (3598.0, 3602.0):
        monkeypatch.setattr(Reminder, "after_s", wrong_s)
        with pytest.raises(AssertionError):
            await test(clock)
