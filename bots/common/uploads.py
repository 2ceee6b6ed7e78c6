"""Uploads: size checked while streaming, nothing written to disk, truncated bodies refused."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from fastapi import HTTPException, Request
from starlette.datastructures import FormData
from starlette.formparsers import MultiPartException, MultiPartParser

from core.locale import mark

#: Largest file.
MAX_FILE_BYTES = 50 * 1024 * 1024
#: A file, the other fields and the multipart framing.
_BODY_BYTES = MAX_FILE_BYTES + 256 * 1024
_FIELD_BYTES = 128 * 1024

TOO_LARGE = mark("This file is too large: the limit is 50 MB.")
BAD_FORM = mark("This upload cannot be read. Please send it again.")


class _WholeForm(MultiPartParser):
    """Parser that keeps the file in memory and knows whether the body was complete."""

    # Chat content is never written to disk unencrypted, so the file must stay in memory.
    spool_max_size = _BODY_BYTES
    is_whole = False

    def on_end(self) -> None:
        self.is_whole = True


async def read_form(request: Request, *, max_fields: int = 8) -> FormData:
    """Return the fields of a multipart body with at most one file. The caller closes it.

    Raises HTTPException 413 as soon as too much is announced or sent, 400 if it is truncated.
    """
    announced = request.headers.get("content-length", "0")
    if not announced.isascii() or not announced.isdigit():
        raise HTTPException(400, BAD_FORM)
    if int(announced) > _BODY_BYTES:
        raise _too_large()
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise HTTPException(415, BAD_FORM)

    async def whole_body() -> AsyncGenerator[bytes, None]:
        async for chunk in limit(request, _BODY_BYTES, _too_large()):
            yield chunk
        if not parser.is_whole:
            raise HTTPException(400, BAD_FORM)

    parser = _WholeForm(
        request.headers,
        whole_body(),
        max_files=1,
        max_fields=max_fields,
        max_part_size=_FIELD_BYTES,
    )
    try:
        return await parser.parse()
    except MultiPartException as error:
        raise HTTPException(400, BAD_FORM) from error


async def read_small(request: Request) -> bytes:
    """Return a body of at most 128 KB. Raises HTTPException 413."""
    return b"".join([chunk async for chunk in limit(request, _FIELD_BYTES, _too_large())])


async def limit(
    request: Request, max_bytes: int, too_large: Exception
) -> AsyncGenerator[bytes, None]:
    """Yield a body as it arrives. Raises `too_large` as soon as it exceeds `max_bytes`."""
    seen_bytes = 0
    async for chunk in request.stream():
        seen_bytes += len(chunk)
        if seen_bytes > max_bytes:
            raise too_large
        yield chunk


def _too_large() -> HTTPException:
    # The rest of the body is not read.
    return HTTPException(413, TOO_LARGE, headers={"Connection": "close"})
