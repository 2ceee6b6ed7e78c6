from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.paths import ROOT

DEPLOY = ROOT / "deploy"
#: Runs a tool and returns its exit code with all that it printed.
RunTool = Callable[..., tuple[int, str]]
PATH = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"


@pytest.fixture
def run_tool() -> RunTool:
    """`make deploy` installs the tools, `.ci/run` too."""

    def run(name: str, *arguments: str | Path, **variables: str) -> tuple[int, str]:
        tool = shutil.which(name, path=PATH)
        if tool is None:
            pytest.skip(f"{name} is not installed")
        environment = {"PATH": PATH, "HOME": os.environ.get("HOME", "/"), **variables}
        done = subprocess.run(
            [tool, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True
        )
        return done.returncode, done.stdout + done.stderr

    return run
