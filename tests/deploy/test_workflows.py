"""The workflows of GitHub Actions."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import yaml

from tests.deploy.conftest import RunTool
from tests.support.paths import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PINNED = re.compile(r"^[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$")


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: str(path.stem))
def test_actionlint_finds_nothing(path: Path, run_tool: RunTool, tmp_path: Path) -> None:
    assert run_tool("actionlint", path) == (0, "")
    bad = tmp_path / "bad.yml"
    bad.write_text(path.read_text().replace("runs-on:", "run-on:"))
    assert run_tool("actionlint", bad)[0] != 0


def test_zizmor_finds_no_hole(run_tool: RunTool) -> None:
    code, said = run_tool("zizmor", "--offline", "--no-progress", ROOT / ".github" / "workflows")
    assert code == 0, said


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: str(path.stem))
def test_actions_are_pinned_to_commits(path: Path) -> None:
    uses = re.findall(r"uses: (.+)$", path.read_text(), re.MULTILINE)
    assert uses
    assert [one for one in uses if not PINNED.match(one)] == []


def test_ci_runs_on_every_python_that_the_project_names() -> None:
    job = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())["jobs"]["check"]
    assert job["steps"][-1] == {"run": ".ci/run"}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    prefix = "Programming Language :: Python :: 3."
    named = [one.removeprefix(prefix) for one in project["classifiers"] if prefix in one]
    assert job["strategy"]["matrix"]["python"] == [f"3.{minor}" for minor in named]
    assert project["requires-python"] == f">=3.{named[0]}"
