"""The blocks of docs/watching.md, followed beside a running program."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import tomllib
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml

from benchmarks.support.processes import wait_for
from tests.deploy.test_chart import render
from tests.deploy.test_watching import needs_promtool
from tests.documents.blocks import Block, followed_by, read_prose
from tests.documents.shell import Shell
from tests.emulators.otlp import Collector, run_collector
from tests.emulators.telegram import TelegramServer
from tests.support.paths import ROOT
from tests.support.ports import free_port

pytestmark = pytest.mark.real_time

#: Addresses and the job of the document.
WORKER, COLLECTOR, JOB = "http://127.0.0.1:8766", "http://127.0.0.1:4318", "6e131598c2"


@dataclass
class Watched:
    """A program that has answered one message."""

    shell: Shell
    url: str
    collector: Collector

    def lines(self) -> list[dict[str, str]]:
        """Return what it has logged."""
        return [json.loads(line) for line in self.shell.log.read_text().splitlines()]


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    port, telegram = str(free_port()), TelegramServer()
    telegram.start()
    own = {
        **telegram.settings,
        # It sends traces every five seconds, else.
        "OTEL_BSP_SCHEDULE_DELAY": "50",
        "WEB_PORT": port,
    }
    folder = tmp_path_factory.mktemp("watching")
    with run_collector() as collector, Shell(folder, **own) as shell:
        [_, block] = followed_by(
            "tests/documents/test_watching.py::test_traces_reach_the_collector"
        )
        assert block.text.count(COLLECTOR) == 1
        (folder / ".env").write_text(block.text.replace(COLLECTOR, collector.url))
        with shell.start(".venv/bin/hearsay run"):
            ann = telegram.add_user("Ann")
            telegram.send_command(ann, ann, "/help")
            watched = Watched(shell, f"http://127.0.0.1:{port}", collector)
            wait_for(lambda: any(one["event"] == "finished" for one in watched.lines()))
            yield watched
    telegram.stop()


def test_health_is_asked(watched: Watched, blocks: list[Block]) -> None:
    [block] = blocks
    shown = [watched.shell.run(line.replace(WORKER, watched.url)) for line in block.commands]
    assert shown == ["ready\n", "alive\n", "ready\n"]


def test_the_image_asks_for_health_in_this_way(blocks: list[Block]) -> None:
    [block] = blocks
    assert block.text in (ROOT / "deploy" / "docker" / "Dockerfile").read_text()


def test_the_chart_has_these_probes(blocks: list[Block]) -> None:
    helm = pytest.importorskip("helm_python", reason="helm-python-sdk is not installed")
    [block] = blocks
    told = yaml.safe_load(block.text)
    assert told.keys() == {"livenessProbe", "readinessProbe"}
    pods = [one["spec"]["template"] for one in render(helm, {}) if "template" in one["spec"]]
    [container] = pods[0]["spec"]["containers"]
    assert {name: container[name] for name in told} == told


@needs_promtool
def test_promtool_finds_no_mistake(watched: Watched, blocks: list[Block]) -> None:
    [line] = blocks[0].commands
    assert "SUCCESS" in watched.shell.run(line)


def test_a_job_is_found_in_the_log(watched: Watched, blocks: list[Block]) -> None:
    """What stands in for journalctl prints the log as systemd has received it."""
    if shutil.which("jq") is None:
        pytest.skip("jq is not installed: apt install jq")
    [line] = blocks[0].commands
    [job] = {one["job"] for one in watched.lines() if one["event"] == "finished"}
    expected = "-u hearsay@run -o cat"
    watched.shell.add_tool("journalctl", f'test "$*" = "{expected}" && cat "{watched.shell.log}"')
    assert line.count(JOB) == 1
    found = [json.loads(one) for one in watched.shell.run(line.replace(JOB, job)).splitlines()]
    assert found[0]["event"] == "accepted"
    assert found == [one for one in watched.lines() if one.get("job") == job]


def test_traces_reach_the_collector(watched: Watched, blocks: list[Block]) -> None:
    [install] = blocks[0].commands
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    [extra] = re.findall(r"\.\[(\w+)\]", shlex.split(install)[-1])
    assert all("opentelemetry" in one for one in project["optional-dependencies"][extra])
    assert find_spec("opentelemetry.sdk")
    wait_for(lambda: any(one.name == "receive telegram" for one in watched.collector.spans))


def test_a_bundle_is_written(watched: Watched, blocks: list[Block]) -> None:
    [line] = blocks[0].commands
    watched.shell.run(line)
    with zipfile.ZipFile(watched.shell.folder / Path(shlex.split(line)[-1])) as bundle:
        files = {name.partition("/")[2] for name in bundle.namelist()}
    table = read_prose(blocks[0].document).partition("## Support bundle")[2]
    assert files - {"README.txt"} == {*re.findall(r"^\| `([\w.]+)`", table, re.MULTILINE)}
