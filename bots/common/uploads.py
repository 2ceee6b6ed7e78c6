"""Uploads: size checked while streaming, files stored encrypted, truncated bodies refused."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager

from fastapi import HTTPException, Request
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from core.audio import RecordingSpool
from core.audio.refusals import TOO_LARGE
from core.interfaces import GrowingRecording
from core.locale import mark

#: The other fields and the multipart framing.
_FRAMING_BYTES = 768 * 1024
#: All of a form but its file, and a body that is no form.
SMALL_BYTES = 512 * 1024
#: The rest of a body that is too large is not read.
_LAST = {"Connection": "close"}

LONG_BODY = mark("This is too much text for one request: the limit is {limit} KB.")
BAD_FORM = mark("This upload cannot be read. Please send it again.")
#: The page always sends forms: this is read by programmers.
_NO_FORM = "Content-Type must be multipart/form-data, with the recording in file: curl -F file=@…"
_NO_UTF_8 = "The fields of a form must be UTF-8"


class TooLarge(HTTPException):
    """A body, or a part of it, is larger than the limit, which `values` hold for the text."""

    def __init__(self, text: str, limit: int) -> None:
        # The rest of the body is not read.
        super().__init__(413, text, headers=_LAST)
        self.values = {"limit": limit}


def _refuse_file(max_bytes: int) -> TooLarge:
    return TooLarge(TOO_LARGE, max_bytes // 10**6)


def _refuse_text() -> TooLarge:
    return TooLarge(LONG_BODY, SMALL_BYTES // 1024)


class Upload(UploadFile):
    """A file in a form. Chat content is never written to disk unencrypted, hence the spool."""

    spool: RecordingSpool

    async def write(self, data: bytes) -> None:
        """Add data."""
        await self.spool.write(data)


class _WholeForm(MultiPartParser):
    """Parser that spools the file, limits the rest, and knows whether the body was complete."""

    is_whole = False
    max_file_bytes = 0
    begin_recording: Callable[[], GrowingRecording]
    _spool: RecordingSpool | None = None

    def on_headers_finished(self) -> None:
        # Any that Python knows would be obeyed, even if decoding takes minutes, as of Punycode.
        if self._charset not in ("utf-8", "ascii"):
            raise HTTPException(400, _NO_UTF_8)
        super().on_headers_finished()
        if given := self._current_part.file:
            upload = Upload(given.file, filename=given.filename, headers=given.headers)
            upload.spool = self._spool = RecordingSpool(self.begin_recording)
            self._current_part.file = upload

    def on_end(self) -> None:
        self.is_whole = True

    async def check(self, body: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
        """Yield the body; the parser closes its files if this raises HTTPException."""
        seen_bytes = 0
        async for chunk in body:
            seen_bytes += len(chunk)
            if seen_bytes > self.max_file_bytes + _FRAMING_BYTES:
                raise _refuse_file(self.max_file_bytes)
            yield chunk
            # The parser has taken the chunk, and kept all of it but the file.
            if seen_bytes - (self._spool.size_bytes if self._spool else 0) > SMALL_BYTES:
                raise _refuse_text()
        if not self.is_whole:
            raise HTTPException(400, BAD_FORM)


@asynccontextmanager
async def read_form(request: Request, *, max_fields: int = 8) -> AsyncIterator[FormData]:
    """Yield the fields of a multipart body with at most one file, and close the file.

    Its application says in `state` how large the file may be, and where a large one is stored.
    Raises HTTPException 413 as soon as too much is announced or sent, 400 if it is truncated.
    """
    max_bytes: int = request.app.state.max_file_bytes
    announced = request.headers.get("content-length", "0")
    if not announced.isascii() or not announced.isdigit():
        raise HTTPException(400, BAD_FORM)
    if int(announced) > max_bytes + _FRAMING_BYTES:
        raise _refuse_file(max_bytes)
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise HTTPException(415, _NO_FORM)
    source = request.stream()
    parser = _WholeForm(request.headers, source, max_files=1, max_fields=max_fields)
    parser.max_file_bytes = max_bytes
    parser.begin_recording = request.app.state.begin_recording
    parser.stream = parser.check(source)
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise HTTPException(400, BAD_FORM) from error
    try:
        yield form
    finally:
        await form.close()


async def read_small(request: Request) -> bytes:
    """Return a body of at most 512 KB. Raises HTTPException 413."""
    return await read_body(request, SMALL_BYTES, _refuse_text())


async def read_body(request: Request, max_bytes: int, too_large: Exception) -> bytes:
    """Return a body. Raises `too_large` as soon as it exceeds `max_bytes`."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > max_bytes:
            raise too_large
    return bytes(body)
