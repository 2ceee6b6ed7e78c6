"""The container image and the compose files; `make image` follows the Dockerfile itself."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.container_image import DOCKERFILE, read_dockerfile
from tests.deploy.conftest import DEPLOY, RunTool
from tests.supply_chain.release import CONTEXT, list_tracked
from tests.support.paths import ROOT

COMPOSE = sorted((DEPLOY / "docker").glob("compose*.yaml"))
CADDYFILE = DEPLOY / "docker" / "Caddyfile"
#: Every variable that the compose files ask for.
VARIABLES = dict.fromkeys(
    ("POSTGRES_PASSWORD", "HEARSAY_SECRET_KEY", "TELEGRAM_WEBHOOK_SECRET", "WEB_PASSWORD",
     "GRAFANA_PASSWORD"), "for-a-test"
) | {"DOMAIN": "bot.example.org"}  # fmt: skip
PINNED = re.compile(r"@sha256:[0-9a-f]{64}$")


def test_hadolint_finds_nothing_in_the_dockerfile(run_tool: RunTool, tmp_path: Path) -> None:
    assert run_tool("hadolint", DOCKERFILE) == (0, "")
    bad = tmp_path / "Dockerfile"
    bad.write_text(DOCKERFILE.read_text().replace("USER 10001:10001", "USER root"))
    assert "DL3002" in run_tool("hadolint", bad)[1]


def test_every_stage_begins_with_the_same_pinned_image() -> None:
    bases = {line.split()[1] for line in DOCKERFILE.read_text().splitlines() if line[:4] == "FROM"}
    assert len(bases) == 1
    assert all(PINNED.search(base) for base in bases)


def test_the_image_runs_as_a_user_without_rights_and_tells_its_health() -> None:
    last = read_dockerfile(DOCKERFILE.read_text())[-1]
    assert last.settings["USER"] == "10001:10001"
    assert last.words("HEALTHCHECK") == ["hearsay", "health"]
    assert last.words("ENTRYPOINT") + last.words("CMD") == ["hearsay", "run"]
    assert last.settings["VOLUME"] == last.environment["HEARSAY_HOME"]


def test_the_build_is_sent_what_the_dockerfile_copies_and_nothing_else() -> None:
    lines = Path(f"{DOCKERFILE}.dockerignore").read_text().splitlines()
    let_in = {line[1:] for line in lines if line.startswith("!")}
    steps = [step for stage in read_dockerfile(DOCKERFILE.read_text()) for step in stage.steps]
    copied = {
        name
        for word, rest in steps
        if word == "COPY" and not rest.startswith("--from")
        for name in rest.split()[:-1]
    }
    assert "*" in lines
    assert let_in == copied == {*CONTEXT} - {str(DOCKERFILE.relative_to(ROOT))}
    assert all(list_tracked(name) for name in CONTEXT)


def read_services(path: Path) -> dict[str, dict[str, Any]]:
    return dict(yaml.safe_load(path.read_text())["services"])


@pytest.mark.parametrize("path", COMPOSE, ids=lambda path: str(path.stem))
def test_compose_accepts_it(path: Path, run_tool: RunTool, tmp_path: Path) -> None:
    # Without an .env of this checkout.
    (tmp_path / "deploy").symlink_to(DEPLOY)
    (tmp_path / ".env").touch()
    file = tmp_path / "deploy" / "docker" / path.name
    said = run_tool("docker-compose", "-f", file, "config", **VARIABLES)[1]
    # Its exit code is lost in the package that brings it.
    assert yaml.safe_load(said)["services"].keys() == read_services(path).keys()
    if path.stem != "compose":
        said = run_tool("docker-compose", "-f", file, "config", **VARIABLES | {"DOMAIN": ""})[1]
        assert "set DOMAIN in .env" in said


def find_weaknesses(run_tool: RunTool, path: Path) -> set[tuple[str, str]]:
    """Return what compose-lint finds: the service and the rule."""
    said = run_tool("compose-lint", "check", "--no-env", "--format", "json", path)[1]
    found = json.loads(said[said.index("{") :].partition("\n}")[0] + "}")["findings"]
    return {(one["service"], one["rule_id"]) for one in found}


@pytest.mark.parametrize("path", COMPOSE, ids=lambda path: str(path.stem))
def test_compose_lint_finds_that_caddy_is_public_and_nothing_else(
    path: Path, run_tool: RunTool, tmp_path: Path
) -> None:
    public = {("caddy", "CL-0005")} if "caddy" in read_services(path) else set()
    assert find_weaknesses(run_tool, path) == public
    bad = tmp_path / "compose.yaml"
    bad.write_text(path.read_text().replace("cap_drop: [ALL]", "privileged: true"))
    assert "CL-0002" in {rule for _, rule in find_weaknesses(run_tool, bad)}


@pytest.mark.parametrize("path", COMPOSE, ids=lambda path: str(path.stem))
def test_other_peoples_images_are_pinned_and_no_service_has_rights(path: Path) -> None:
    for name, service in read_services(path).items():
        assert "build" in service or PINNED.search(service["image"]), name
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert {"mem_limit", "pids_limit", "cpus", "logging", "restart"} <= service.keys(), name


def test_compose_has_two_workers_behind_one_intake_and_one_page() -> None:
    services = read_services(DEPLOY / "docker" / "compose.scaled.yaml")
    assert services["worker"]["deploy"] == {"replicas": 2}
    parts = {name: one["command"] for name, one in services.items() if "build" in one}
    assert parts == {"intake": ["intake"], "worker": ["worker"], "web": ["web"]}
    assert services["postgres"]["networks"] == ["inside"]


def test_caddy_accepts_its_configuration(run_tool: RunTool) -> None:
    arguments = ("--adapter", "caddyfile", "--config", CADDYFILE)
    code, said = run_tool("caddy", "validate", *arguments, DOMAIN="bot.example.org")
    assert (code, "Valid configuration" in said) == (0, True), said
    assert run_tool("caddy", "fmt", "--diff", CADDYFILE)[0] == 0


def test_files_that_are_mounted_exist() -> None:
    for path in COMPOSE:
        for service in read_services(path).values():
            for volume in service.get("volumes", []):
                if volume.startswith("."):
                    assert (path.parent / volume.split(":")[0]).exists(), volume


def test_the_context_of_a_release_is_enough_to_build(tmp_path: Path) -> None:
    """Its files are those that the image needs: the wheel can be built of them."""
    for name in list_tracked(*CONTEXT):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    code = "from hatchling.build import build_wheel; print(build_wheel('.'))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.stdout.strip().endswith(".whl"), done.stderr
