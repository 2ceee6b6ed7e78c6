"""A local S3 server (moto), behind a relay that can fail, and its credentials."""

from __future__ import annotations

import logging
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

BUCKET = "sound"
#: Looks like a real one, so that it is found wherever it gets to.
SECRET = "wJalrXUtnFEMIK7MDENGbPxRfiCYsecretKEY"
KEY_ID = "AKIAIOSFODNN7SECRETX"


class S3Server:
    """What requests get: `fault` is None, a status, or a number of seconds as a float."""

    def __init__(self) -> None:
        from moto.server import ThreadedMotoServer

        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self._moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        self._moto.start()
        host, port = self._moto.get_host_and_port()
        self._real = f"http://{host}:{port}"
        self.fault: int | float | None = None
        self.requests: list[str] = []
        self._relay = ThreadingHTTPServer(("127.0.0.1", 0), self._make_relay())
        self._relay.daemon_threads = True
        threading.Thread(target=self._relay.serve_forever, daemon=True).start()
        self.send("PUT", f"/{BUCKET}")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._relay.server_address[1]}"

    @property
    def environment(self) -> dict[str, str]:
        return {
            "AWS_ACCESS_KEY_ID": KEY_ID,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": self.url,
        }

    def send(self, method: str, path: str, body: bytes | None = None) -> bytes:
        """Send a request past the relay."""
        request = urllib.request.Request(f"{self._real}{path}", body, method=method)
        credential = f"AWS4-HMAC-SHA256 Credential={KEY_ID}/20290101/us-east-1/s3/aws4_request"
        request.add_header("Authorization", credential)
        data: bytes = urllib.request.urlopen(request).read()
        return data

    def list_keys(self) -> list[str]:
        """Return the names of all objects."""
        text = self.send("GET", f"/{BUCKET}?list-type=2").decode()
        return [part.partition("</Key>")[0] for part in text.split("<Key>")[1:]]

    def close(self) -> None:
        self._relay.shutdown()
        self._relay.server_close()
        self._moto.stop()

    def _make_relay(server) -> type[BaseHTTPRequestHandler]:
        class Relay(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                server.requests.append(self.command)
                if isinstance(server.fault, int):
                    self._answer(server.fault, {}, b"<Error>canary of the server</Error>")
                    return
                time.sleep(server.fault or 0)  # the client waits in another thread, in real time
                headers = {"Content-Type": "application/octet-stream", **self.headers}
                request = urllib.request.Request(
                    f"{server._real}{self.path}", body or None, headers, method=self.command
                )
                try:
                    with urllib.request.urlopen(request) as found:
                        self._answer(found.status, dict(found.headers), found.read())
                except urllib.error.HTTPError as error:
                    self._answer(error.code, {}, error.read())

            do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = do

            def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
                self.send_response(status)
                for name, value in headers.items():
                    if name.lower() in ("etag", "last-modified", "content-type"):
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        return Relay


@contextmanager
def run_s3() -> Iterator[S3Server]:
    """Run the server."""
    server = S3Server()
    try:
        yield server
    finally:
        server.close()
