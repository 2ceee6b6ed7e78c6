"""The files around the code: make targets, hooks, issue forms, the changelog."""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.paths import ROOT

FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))
#: Element types of an issue form. Source: GitHub Docs, "Syntax for GitHub's form schema".
ELEMENTS = {"markdown", "textarea", "input", "dropdown", "checkboxes"}


def read_yaml(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def test_make_help_lists_every_target() -> None:
    [phony] = re.findall(r"^\.PHONY: (.+)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    done = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    listed = dict(re.findall(r"^make (\w+) +(\S.*)$", done.stdout, re.MULTILINE))
    assert set(listed) == set(phony.split())
    targets = re.findall(r"^([a-z]\w*):(?!=)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert targets == list(listed)


def test_hooks_run_what_make_check_runs() -> None:
    config = read_yaml(ROOT / ".pre-commit-config.yaml")
    # Hooks of this repository alone: nothing is downloaded.
    assert [repo["repo"] for repo in config["repos"]] == ["local"]
    hooks = config["repos"][0]["hooks"]
    assert all(hook["language"] == "system" for hook in hooks)
    _, _, recipe = (ROOT / "Makefile").read_text().partition("\ncheck:")
    checked = re.findall(r"^\t\$\(BIN\)/(\S+)", recipe.partition("\n\n")[0], re.MULTILINE)
    entries = [hook["entry"].split()[0] for hook in hooks]
    assert entries == [f".venv/bin/{name}" for name in checked]


@pytest.mark.parametrize("path", FORMS, ids=lambda path: str(path.stem))
def test_issue_forms_are_ones_that_github_accepts(path: Path) -> None:
    form = read_yaml(path)
    if path.stem == "config":
        assert form == {"blank_issues_enabled": False}
        return
    assert form["name"] and form["description"]
    assert {element["type"] for element in form["body"]} <= ELEMENTS
    questions = [element for element in form["body"] if element["type"] != "markdown"]
    ids = [question["id"] for question in questions]
    assert len(ids) == len(set(ids))
    for question in questions:
        assert question["attributes"]["label"]
        options = question["attributes"].get("options", [])
        assert bool(options) == (question["type"] == "dropdown")
        assert len(options) == len(set(options))


def test_the_changelog_names_the_version_of_the_project() -> None:
    """The form is that of Keep a Changelog 1.1.0."""
    text = (ROOT / "CHANGELOG.md").read_text()
    version = importlib.metadata.version("hearsay-bot")
    unreleased, newest, *_ = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert unreleased == "[Unreleased]"
    assert re.fullmatch(rf"\[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d", newest)
    kinds = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    for release in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        sections = re.findall(r"^### (.+)$", release, re.MULTILINE)
        assert set(sections) <= kinds
        assert len(sections) == len(set(sections))
    entries = [line for line in text.split("\n## ", 1)[1].splitlines() if line]
    assert all(line.startswith(("- ", "### ", "## ", "[")) for line in entries), "one line each"
