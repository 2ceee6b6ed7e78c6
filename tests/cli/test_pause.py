"""hearsay pause and hearsay resume."""

from __future__ import annotations

from tests.support.clean_start import ask_database
from tests.support.hearsay_command import Hearsay


def test_a_pause_lasts_until_it_is_resumed(hearsay: Hearsay) -> None:
    done = hearsay("pause", "--message", " Back at\n ten. ")
    assert (done.returncode, done.stderr) == (0, "") and done.stdout.startswith("Paused: ")
    found = hearsay.doctor().checks["database"]
    assert (found["status"], found["text"]) == ("warn", "intact; all work is paused")
    assert "hearsay resume" in found["cure"]
    [[name, stored]] = ask_database(hearsay.home, "SELECT name, text FROM switches")
    assert name == "paused" and stored and b"ten" not in stored
    done = hearsay("resume")
    assert (done.returncode, done.stderr) == (0, "") and done.stdout.startswith("Resumed: ")
    assert ask_database(hearsay.home, "SELECT name FROM switches") == []
    done = hearsay("pause", "--message", "x" * 501)
    assert done.returncode == 2 and "at most 500 characters" in done.stderr
