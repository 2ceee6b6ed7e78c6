"""The board, the alerts and docs/watching.md name what there is; promtool finds no mistake."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.metrics import MetricWrapperBase

from core import metrics
from tests.support.fake_inbox import make_settings
from tests.support.paths import ROOT
from tests.support.web_client import open_client
from tests.support.web_inbox import FakeInbox, open_web

DEPLOY, PAGE = ROOT / "deploy", ROOT / "docs" / "watching.md"
ALERTS = DEPLOY / "prometheus" / "alerts.yml"
BOARD = DEPLOY / "grafana" / "hearsay.json"
OURS = {value for value in vars(metrics).values() if isinstance(value, MetricWrapperBase)}
#: What series are called beside the metric that they belong to.
SUFFIXES = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"], "gauge": [""]}
SERIES = {f"{one._name}{suffix}" for one in OURS for suffix in SUFFIXES[str(one._type)]}
needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is missing: apt install prometheus"
)


def rules() -> list[dict[str, Any]]:
    [group] = yaml.safe_load(ALERTS.read_text())["groups"]
    return list(group["rules"])


def panels() -> list[dict[str, Any]]:
    return list(json.loads(BOARD.read_text())["panels"])


def expressions() -> Iterator[str]:
    yield from (rule["expr"] for rule in rules())
    yield from (target["expr"] for panel in panels() for target in panel.get("targets", ()))


def test_the_table_lists_every_metric_with_type_and_labels() -> None:
    rows = re.findall(r"^\| `(hearsay_\w+)` \| (\w+) \|([^|]*)\|", PAGE.read_text(), re.M)
    told = {name: (kind, tuple(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows}
    known = {
        one._name + ("_total" if one._type == "counter" else ""): (one._type, one._labelnames)
        for one in OURS
    }
    assert told == known


def test_names_end_in_their_unit() -> None:
    for one in OURS:
        says = one._documentation.lower()
        has_unit = one._name.endswith(("_seconds", "_bytes", "_dollars"))
        assert has_unit == bool(re.search(r"\bseconds\b|\bspace\b|dollars|how much later", says))


def test_every_series_of_the_board_and_of_the_alerts_exists() -> None:
    used = {name for one in expressions() for name in re.findall(r"hearsay_\w+", one)}
    assert used and used <= SERIES
    # What nobody looks at need not be counted.
    assert {name for name in SERIES if not name.endswith(("_sum", "_count"))} <= used


def test_labels_of_expressions_exist() -> None:
    by_series = {
        f"{one._name}{suffix}": {*one._labelnames, "le", "instance", "job"}
        for one in OURS
        for suffix in SUFFIXES[str(one._type)]
    }
    for one in expressions():
        for name, labels in re.findall(r"(hearsay_\w+)\{(.*?)\}", one):
            assert {*re.findall(r"(\w+)\s*[=!]", labels)} <= by_series[name], one


def test_each_alert_has_a_severity_a_summary_and_a_runbook() -> None:
    text = PAGE.read_text()
    anchors = {title.lower().replace(" ", "-") for title in re.findall(r"^### (.*)$", text, re.M)}
    for rule in rules():
        assert rule["labels"]["severity"] in ("critical", "warning")
        assert rule["annotations"]["summary"]
        page, _, anchor = rule["annotations"]["runbook_url"].partition("#")
        assert (page, anchor in anchors) == ("docs/watching.md", True), anchor
        assert f"`{rule['alert']}`" in text
    told = {rule["annotations"]["runbook_url"].partition("#")[2] for rule in rules()}
    assert anchors == told


def test_the_board_is_one_that_grafana_reads() -> None:
    found, ids = panels(), [panel["id"] for panel in panels()]
    assert len(ids) == len(set(ids)) and json.loads(BOARD.read_text())["uid"] == "hearsay"
    for panel in found:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        for target in panel.get("targets", ()):
            assert target["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    for path in (DEPLOY / "grafana" / "provisioning").rglob("*.yml"):
        assert yaml.safe_load(path.read_text())["apiVersion"] == 1


def run_promtool(*arguments: str, text: str = "") -> str:
    command = ["promtool", *arguments]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@needs_promtool
def test_promtool_finds_no_mistake_and_each_alert_fires_when_it_should() -> None:
    assert "13 rules found" in run_promtool(
        "check", "config", str(ALERTS.with_name("prometheus.yml"))
    )
    run_promtool("test", "rules", str(Path(__file__).with_name("alerts_test.yml")))


@needs_promtool
async def test_promtool_takes_what_the_program_tells(tmp_path: Path) -> None:
    settings = make_settings(hearsay_home=tmp_path, web_port=0)
    metrics.READY.labels("database").set(1)
    async with open_web(settings, FakeInbox()) as web, open_client(web) as client:
        text = (await client.get("/metrics")).text
    found = await asyncio.to_thread(run_promtool, "check", "metrics", text=text)
    assert [line for line in found.splitlines() if line.startswith("hearsay_")] == []
