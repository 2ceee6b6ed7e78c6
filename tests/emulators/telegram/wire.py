"""Minimal HTTP/1.1 on asyncio streams, which can break a connection on purpose.

A web server hides the socket, where the faults happen: a response that never comes, a truncated
body, a request that is carried out although its response is lost.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, unquote

MAX_HEAD_BYTES = 64 << 10

_ENCODER = json.JSONEncoder(separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Upload:
    """A file of a multipart form."""

    name: str
    mime: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Params:
    """The parameters of an API request."""

    values: dict[str, str] = field(default_factory=dict)
    files: dict[str, Upload] = field(default_factory=dict)


async def read_request(reader: asyncio.StreamReader) -> Request | None:
    """Return the next request of a connection, or None at its end or if it is malformed."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        path = unquote(first.split(" ")[1].partition("?")[0])
        pairs = (line.partition(":") for line in lines if line)
        headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError, OSError):
        return None
    return Request(path, headers, body)


def read_params(request: Request) -> Params:
    """Return the parameters of a URL-encoded or multipart body."""
    kind = request.headers.get("content-type", "")
    if kind.startswith("multipart/form-data"):
        return _read_multipart(request.body, kind)
    return Params(dict(parse_qsl(request.body.decode(), keep_blank_values=True)))


def _read_multipart(body: bytes, kind: str) -> Params:
    params = Params()
    boundary = kind.partition("boundary=")[2].strip('"').encode()
    for part in body.split(b"--" + boundary)[1:-1]:
        head, _, data = part.partition(b"\r\n\r\n")
        fields = _read_part_head(head.decode("utf-8", "replace"))
        data = data[:-2]
        name = fields.get("name", "")
        if "filename" in fields:
            mime = fields.get("content-type", "application/octet-stream")
            params.files[name] = Upload(fields["filename"], mime, data)
        else:
            params.values[name] = data.decode()
    return params


def _read_part_head(head: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    for line in head.split("\r\n"):
        name, _, value = line.partition(":")
        if name.strip().lower() == "content-type":
            fields["content-type"] = value.strip()
        elif name.strip().lower() == "content-disposition":
            for item in value.split(";")[1:]:
                key, _, text = item.strip().partition("=")
                fields[key] = text.strip('"')
    return fields


def build_response(
    status: int, body: bytes, mime: str = "application/json", size_bytes: int | None = None
) -> bytes:
    """Return a whole response. size_bytes: a Content-Length that differs from the body's."""
    reason = HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else "Error"
    size = len(body) if size_bytes is None else size_bytes
    head = f"HTTP/1.1 {status} {reason}\r\nContent-Type: {mime}\r\nContent-Length: {size}\r\n\r\n"
    return head.encode() + body


def build_json(status: int, value: Any) -> bytes:
    """Return a whole response with `value` as JSON."""
    return build_response(status, _ENCODER.encode(value).encode())
