"""`make audit` tells of known holes, and when it could not look."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.supply_chain.audit import audit

HOLE = {
    "id": "PYSEC-1",
    "modified": "2026-01-01T00:00:00Z",
    "affected": [
        {
            "package": {"name": "pynacl", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.6.2"}]}],
        }
    ],
}


@pytest.fixture
def database() -> Iterator[str]:
    """A database like OSV that knows one hole. Returns its address."""

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            is_old = (asked["package"]["name"], asked["version"]) == ("pynacl", "1.5.0")
            body = json.dumps({"vulns": [HOLE]} if is_old else {}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1/query"
    server.shutdown()
    thread.join()
    server.server_close()


def lock(folder: Path, version: str) -> list[Path]:
    path = folder / "requirements.lock"
    lines = (
        f"{name} \\\n    --hash=sha256:{64 * '0'}\n" for name in (f"pynacl=={version}", "h11==1")
    )
    path.write_text("".join(lines))
    return [path]


def test_a_known_hole_is_named_with_its_remedy(database: str, tmp_path: Path) -> None:
    code, text = audit(lock(tmp_path, "1.5.0"), {"OSV": ("-s", "osv", "--osv-url", database)})
    assert code == 1
    assert "pynacl 1.5.0: PYSEC-1, fixed in 1.6.2" in text and "h11" not in text


def test_packages_without_known_holes_pass(database: str, tmp_path: Path) -> None:
    code, text = audit(lock(tmp_path, "1.6.2"), {"OSV": ("-s", "osv", "--osv-url", database)})
    assert (code, text) == (0, "No known hole in 2 locked packages.")


def test_a_database_that_cannot_be_reached_is_no_good_news(database: str, tmp_path: Path) -> None:
    away = {"PyPI": ("-s", "osv", "--osv-url", "http://127.0.0.1:1/v1/query")}
    code, text = audit(lock(tmp_path, "1.5.0"), away)
    assert code == 69
    assert text.startswith("No database of known holes could be asked: PyPI cannot be reached")
    assert "Nothing was checked" in text
    there = {**away, "OSV": ("-s", "osv", "--osv-url", database)}
    assert audit(lock(tmp_path, "1.5.0"), there)[0] == 1, "the next one is asked"
