"""The documentation as a site: complete, without dead links, and independent of the network."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.support.paths import ROOT


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build it; `strict` makes every warning an error, such as a dead link or a page left out."""
    folder = tmp_path_factory.mktemp("site")
    mkdocs = Path(sys.executable).with_name("mkdocs")
    command = [str(mkdocs), "-q", "build", "--strict", "-d", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


def list_pages() -> set[str]:
    found = re.findall(r"^ +- .*?(\w+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE)
    return set(found)


def test_every_document_is_a_page(site: Path) -> None:
    documents = {path.name for path in (ROOT / "docs").glob("*.md")}
    at_root = {path.name.lower() for path in ROOT.glob("*.md")} - {"readme.md"}
    assert list_pages() == documents | at_root | {"index.md"}
    for page in list_pages():
        assert (site / page.replace(".md", ".html")).exists(), page


def test_it_loads_nothing_from_elsewhere(site: Path) -> None:
    """Links that people may follow are fine; scripts, styles, fonts and pictures are not."""
    outside = re.compile(r"<(?:script|link|img|iframe)[^>]+(?:src|href)=\"?(?:https?:)?//[^\s>]+")
    for page in site.glob("*.html"):
        found = [one for one in outside.findall(page.read_text()) if "rel=canonical" not in one]
        assert found == [], page.name
    for style in site.rglob("*.css"):
        assert "url(http" not in style.read_text(), style.name


def test_the_search_finds_every_page(site: Path) -> None:
    index = json.loads((site / "search" / "search_index.json").read_text())
    found = {entry["location"].partition("#")[0] for entry in index["docs"]}
    assert found >= {page.replace(".md", ".html") for page in list_pages()}


def test_links_lead_to_pages(site: Path) -> None:
    text = (site / "index.html").read_text()
    assert 'href="commands.html"' in text
    assert ".md" not in re.sub(
        r"<code>.*?</code>", "", re.sub(r"(?s)<script.*?</script>", "", text)
    )
    assert "architecture.html" in (site / "operations.html").read_text()


def test_the_configuration_is_strict() -> None:
    text = re.sub(r"!!python\S+", "", (ROOT / "mkdocs.yml").read_text())
    assert yaml.safe_load(text)["strict"] is True
