"""Faulty responses, byte by byte: one for each kind of fault."""

from __future__ import annotations

import asyncio

from tests.emulators.telegram.errors import OTHER_POLLER, ApiError, too_many_requests
from tests.emulators.telegram.traffic import Fault, RecordedRequest
from tests.emulators.telegram.wire import build_json, build_response

_HTML = b"<html><head><title>Bad Gateway</title></head><body>nginx</body></html>"
#: Faults that affect the response only: the request is carried out.
RESPONSE_FAULTS = ("lose_reply", "delay", "cut", "slow")


async def send_fault(
    fault: Fault,
    recorded: RecordedRequest,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> bool:
    """Send a faulty response or none; return whether the connection stays open."""
    if fault.kind == "hang":
        await reader.read()
        return False
    if fault.kind == "close":
        writer.transport.abort()
        return False
    recorded.status = fault.status
    if fault.kind == "html":
        writer.write(build_response(fault.status, _HTML, "text/html"))
        return True
    error = _build_error(fault)
    recorded.error = str(error)
    writer.write(build_json(fault.status, error.to_json()))
    return True


def _build_error(fault: Fault) -> ApiError:
    if fault.status == 429:
        return too_many_requests(fault.retry_after or 1)
    usual = OTHER_POLLER if fault.status == 409 else ""
    return ApiError(fault.status, fault.description or usual)


async def send_bytes(data: bytes, fault: Fault | None, writer: asyncio.StreamWriter) -> bool:
    """Send a file whole, truncated or slowly; return whether the connection stays open."""
    kind = fault.kind if fault is not None else ""
    head = build_response(200, b"", "application/octet-stream", len(data))
    if kind in ("cut", "lose_reply"):
        writer.write(head + data[: len(data) // 2])
        await writer.drain()
        writer.close()
        return False
    writer.write(head if kind == "slow" else head + data)
    if fault is not None and kind == "slow":
        piece = max(1, int(fault.bytes_per_s))
        for start in range(0, len(data), piece):
            writer.write(data[start : start + piece])
            await writer.drain()
            await asyncio.sleep(1)
    return True
