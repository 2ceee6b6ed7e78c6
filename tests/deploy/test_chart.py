"""The Helm chart: what it renders is what Kubernetes accepts, and has no rights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.conftest import DEPLOY, RunTool
from tests.supply_chain.changelog import CHANGELOG, read_version

CHART = DEPLOY / "helm" / "hearsay"
SCALED = {
    "scaled": True,
    "settings": {"LOG_LEVEL": "DEBUG", "MAX_FILE_MB": 64},
    "image": {"digest": f"sha256:{'a' * 64}", "pullSecrets": ["registry"]},
    "ingress": {
        "enabled": True, "host": "bot.example.org", "tlsSecret": "bot-tls",
        "className": "nginx", "trustedProxies": "10.0.0.0/8",
    },
    "nodeSelector": {"disk": "ssd"},
}  # fmt: skip
CASES: dict[str, dict[str, Any]] = {"single": {}, "scaled": SCALED}


@pytest.fixture
def helm() -> Any:
    return pytest.importorskip("helm_python", reason="helm-python-sdk is not installed")


def render(helm: Any, values: dict[str, Any]) -> list[dict[str, Any]]:
    texts = helm.Chart.load(CHART).render(values, name="bot", namespace="bots").values()
    return [value for text in texts for value in yaml.safe_load_all(text) if value]


@pytest.mark.parametrize("case", CASES)
def test_helm_lint_finds_nothing(helm: Any, case: str) -> None:
    report = helm.lint(CHART, CASES[case], strict=True)
    assert [m for m in report["messages"] if m["severity"] > 1] == []
    assert report["errors"] == []


@pytest.mark.parametrize("case", CASES)
def test_kubernetes_accepts_what_it_renders(
    helm: Any, case: str, run_tool: RunTool, tmp_path: Path
) -> None:
    file = tmp_path / "rendered.yaml"
    file.write_text(yaml.safe_dump_all(render(helm, CASES[case])))
    code, said = run_tool("kubernetes-validate", "--strict", file)
    assert (code, "passed" in said) == (0, True), said
    file.write_text(file.read_text().replace("containerPort: 8765", "containerPort: http"))
    assert run_tool("kubernetes-validate", "--strict", file)[0] != 0


@pytest.mark.parametrize("case", CASES)
def test_pods_have_no_rights(helm: Any, case: str) -> None:
    pods = [
        v["spec"]["template"]["spec"] for v in render(helm, CASES[case]) if "template" in v["spec"]
    ]
    assert len(pods) == (1 if case == "single" else 3)
    for pod in pods:
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        [container] = pod["containers"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["readinessProbe"]["exec"]["command"] == ["hearsay", "health"]


def test_one_process_keeps_its_home_on_a_volume(helm: Any) -> None:
    kinds = {value["kind"]: value for value in render(helm, {})}
    assert kinds.keys() == {"StatefulSet", "Service", "NetworkPolicy"}
    spec = kinds["StatefulSet"]["spec"]
    assert spec["replicas"] == 1
    assert [claim["metadata"]["name"] for claim in spec["volumeClaimTemplates"]] == ["home"]
    [container] = spec["template"]["spec"]["containers"]
    assert container["args"] == ["run"]
    assert container["envFrom"] == [{"secretRef": {"name": "hearsay"}}]


def test_parts_run_side_by_side_behind_one_host(helm: Any) -> None:
    values = render(helm, SCALED)
    parts = {
        v["metadata"]["name"]: v["spec"]["replicas"] for v in values if v["kind"] == "Deployment"
    }
    assert parts == {"bot-intake": 2, "bot-worker": 2, "bot-web": 1}
    [ingress] = [value for value in values if value["kind"] == "Ingress"]
    [rule] = ingress["spec"]["rules"]
    paths = {p["path"]: p["backend"]["service"]["name"] for p in rule["http"]["paths"]}
    assert paths == {
        "/telegram/webhook": "bot-intake", "/discord/interactions": "bot-intake", "/": "bot-web",
    }  # fmt: skip
    names = {value["metadata"]["name"] for value in values if value["kind"] == "Service"}
    assert {*paths.values()} == names


@pytest.mark.parametrize(
    "values",
    [
        {"replicas": {"worker": 0}},
        {"nonsense": 1},
        {"existingSecret": ""},
        {"image": {"digest": "sha256:short"}},
        {"ingress": {"enabled": True, "host": "bot.example.org"}},
    ],
    ids=str,
)
def test_wrong_values_are_refused(helm: Any, values: dict[str, Any]) -> None:
    with pytest.raises(helm.HelmError):
        render(helm, values)


def test_its_version_is_that_of_the_program() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    version = read_version(CHANGELOG.read_text())
    assert (chart["version"], chart["appVersion"]) == (version, version)
