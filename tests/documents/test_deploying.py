"""The blocks of docs/deploying.md for containers: the real tools, without an engine or a cluster.

Those for systemd are followed by `make roots`, in a system that systemd has booted.
"""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from dotenv import dotenv_values

from tests.deploy.conftest import PATH
from tests.deploy.test_chart import CHART, render
from tests.documents.blocks import Block, read_prose
from tests.documents.shell import check_command
from tests.support.paths import ROOT

#: Nothing is there: a command whose arguments are right gets as far as asking it.
ENGINE = "unix:///nowhere/docker.sock"
AWAY = f"Cannot connect to the Docker daemon at {ENGINE}"


@pytest.fixture
def compose(tmp_path: Path) -> Callable[[str], str]:
    """Return a function that runs a line of compose beside the .env that the document describes."""
    if not (Path(PATH.partition(":")[0]) / "docker-compose").exists():
        pytest.skip("compose is not installed: make deploy does it")
    prose = read_prose("docs/deploying.md").partition("`.env` then also names")[2]
    names = re.findall(r"`([A-Z_]+)`", prose.partition(" Grafana ")[0])
    (tmp_path / ".env").write_text("".join(f"{name}=for-a-test\n" for name in names))
    (tmp_path / "deploy").symlink_to(ROOT / "deploy")
    docker = tmp_path / "docker"
    docker.write_text('#!/bin/sh\ntest "$1" = compose && shift && exec docker-compose "$@"\n')
    docker.chmod(0o755)
    variables = {"PATH": f"{tmp_path}:{PATH}", "HOME": str(tmp_path), "DOCKER_HOST": ENGINE}

    def run(line: str) -> str:
        command = ["bash", "-c", f"{line} 2>&1"]
        done = subprocess.run(command, cwd=tmp_path, env=variables, stdout=subprocess.PIPE)
        return done.stdout.decode()

    return run


def test_compose_takes_the_arguments(blocks: list[Block], compose: Callable[[str], str]) -> None:
    lines = [line for block in blocks for line in block.commands]
    for line in lines:
        assert AWAY in compose(line), line
        before, verb, after = re.split(r" (up|exec)\b", line)
        services = yaml.safe_load(compose(f"{before} config"))["services"]
        if verb == "exec":
            service, program, *words = shlex.split(after)
            assert service in services and program == "hearsay"
            check_command(words)


def test_helm_and_kubectl_take_the_arguments(blocks: list[Block]) -> None:
    helm = pytest.importorskip("helm_python", reason="helm-python-sdk is not installed")
    secret, install = (shlex.split(line) for line in blocks[0].commands)
    assert install[:3] == ["helm", "install", secret[4]] and install[4] == "--set"
    assert ROOT / install[3] == CHART
    name, _, repository = install[5].partition("=")
    assert name == "image.repository"
    rendered = render(helm, {"image": {"repository": repository}})
    [container] = next(
        one["spec"]["template"]["spec"]["containers"]
        for one in rendered
        if "template" in one["spec"]
    )
    assert container["image"].startswith(f"{repository}:")
    # The secret that the chart reads is the one that is made before, of a file that kubectl can
    # read: lines of NAME=value without quotes, and comments on lines of their own.
    assert secret[:4] == ["kubectl", "create", "secret", "generic"]
    assert {"secretRef": {"name": secret[4]}} in container["envFrom"]
    assert secret[5:] == ["--from-env-file=hearsay.env"]
    lines = (ROOT / ".env.example").read_text().splitlines()
    settings = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    assert settings == dotenv_values(ROOT / ".env.example")
