"""The archive of a data export: ZIP files, each within what a platform sends."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

#: What a ZIP file needs for each entry beside its content: two headers with the name.
_ENTRY_BYTES = 600
#: What a platform's limit leaves for the headers of one entry and the end of the archive.
MARGIN_BYTES = 4 * _ENTRY_BYTES


@dataclass(slots=True)
class ExportSound:
    """The files of an export: path -> content, as many as there is room for."""

    room_bytes: int
    #: Larger ones fit no archive.
    max_bytes: int
    files: dict[str, bytes] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)

    def add(self, path: str, data: bytes) -> str:
        """Add a file, or note that there was no room for it, and return its path."""
        if self.fits(path, len(data)):
            self.files[path] = data
            self.room_bytes -= len(data)
        return path

    def fits(self, path: str, size_bytes: int) -> bool:
        """Return whether there is room for a file, and note that there is not."""
        is_fit = size_bytes <= min(self.room_bytes, self.max_bytes)
        if not is_fit:
            self.left_out.append(path)
        return is_fit


def pack(
    text: Mapping[str, bytes],
    sound: Iterable[tuple[str, bytes]],
    max_bytes: int,
    made_at: datetime,
) -> Iterator[bytes]:
    """Yield ZIP files of at most `max_bytes`: the texts compressed, then the sound as it is.

    The first one is larger only if the texts are, and another if a single sound is.
    """
    archive = _Archive(made_at)
    for name, data in text.items():
        archive.add(name, data, zipfile.ZIP_DEFLATED)
    for name, data in sound:
        if archive.size_bytes + len(data) > max_bytes:
            yield archive.close()
            archive = _Archive(made_at)
        archive.add(name, data, zipfile.ZIP_STORED)
    yield archive.close()


class _Archive:
    """One ZIP file."""

    def __init__(self, made_at: datetime) -> None:
        self._moment = made_at.timetuple()[:6]
        self._buffer = io.BytesIO()
        self._zip = zipfile.ZipFile(self._buffer, "w")
        self._count = 0

    @property
    def size_bytes(self) -> int:
        """At most its size with one more entry that is empty."""
        return self._buffer.tell() + (self._count + 1) * _ENTRY_BYTES

    def add(self, name: str, data: bytes, method: int) -> None:
        """Add a file."""
        entry = zipfile.ZipInfo(name, self._moment)
        self._zip.writestr(entry, data, method)
        self._count += 1

    def close(self) -> bytes:
        """Return the whole file."""
        self._zip.close()
        return self._buffer.getvalue()
