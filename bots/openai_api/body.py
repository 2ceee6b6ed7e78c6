"""Reading the body of a request as JSON, within limits and without holding anybody up."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import Request

from bots.common.uploads import limit
from bots.openai_api.errors import ApiError
from bots.openai_api.fields import read_object

#: A body that takes longer than this is not coming.
_BODY_S = 600
#: A larger one is read in a thread.
_SMALL_BYTES = 64 * 1024


async def read_json(request: Request, max_bytes: int) -> dict[str, Any]:
    """Return the JSON object that was sent. Raises ApiError."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise ApiError(415, "Content-Type must be application/json")
    announced = request.headers.get("content-length", "0")
    if announced.isascii() and announced.isdigit() and int(announced[:12]) > max_bytes:
        raise _too_large(max_bytes)
    async with asyncio.timeout(_BODY_S):
        parts = [part async for part in limit(request, max_bytes, _too_large(max_bytes))]
    body = b"".join(parts)
    if len(body) <= _SMALL_BYTES:
        return read_object(body)
    return await asyncio.to_thread(read_object, body)


def _too_large(max_bytes: int) -> ApiError:
    error = ApiError(413, f"The body is larger than {max_bytes} bytes.")
    # The rest of the body is not worth reading.
    error.headers = {"Connection": "close"}
    return error
