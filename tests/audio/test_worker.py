"""The sandbox of the decoder."""

from __future__ import annotations

import json
import subprocess
import sys

_SANDBOXED = """
import json, socket, subprocess, sys
sys.argv = ["", str(512 * 2**20)]
from core.audio import worker
def attempt(*_):
    results = {}
    for name, action in {
        "read a file": lambda: open("/etc/passwd"),
        "write a file": lambda: open("/tmp/canary-of-a-test", "w"),
        "open a socket": socket.socket,
        "connect": lambda: socket.create_connection(("127.0.0.1", 9)),
        "take memory": lambda: bytearray(10 * 2**30),
        "start a program": lambda: subprocess.run(["/bin/true"], stdin=-1),
    }.items():
        try:
            action()
            results[name] = "allowed"
        except (OSError, MemoryError) as error:
            results[name] = getattr(error, "strerror", None) or type(error).__name__
    print(json.dumps(results))
worker.serve = attempt
worker.main()
"""


def test_worker_is_sandboxed() -> None:
    done = subprocess.run([sys.executable, "-c", _SANDBOXED], capture_output=True, cwd="/")
    shut = ("read a file", "write a file", "open a socket", "connect", "start a program")
    results = {**dict.fromkeys(shut, "Too many open files"), "take memory": "MemoryError"}
    assert json.loads(done.stdout) == results
