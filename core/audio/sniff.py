"""Detection of a file's type from its first bytes, whatever its name or MIME type says.

libav's own probing would open playlists (HLS, DASH, ffconcat, SDP), which read other files and
the network. Only the demuxers named here are ever opened.
"""

from __future__ import annotations

from collections.abc import Callable

from core.audio.refusals import EMPTY, UNKNOWN
from core.errors import BadAudio

_ID3_HEADER_BYTES = 10
_OGG_HEADER_BYTES, _OGG_FIRST_PAGE = 27, 2
#: MPEG audio may start after padding of this length.
_PADDING_BYTES = 4096

_MAGIC: tuple[tuple[str, Callable[[bytes], bool]], ...] = (
    ("ogg", lambda head: head[:4] == b"OggS"),
    ("wav", lambda head: head[:4] in (b"RIFF", b"RF64", b"RIFX") and head[8:12] == b"WAVE"),
    ("w64", lambda head: head[:4] == b"riff" and head[24:28] == b"wave"),
    ("flac", lambda head: head[:4] == b"fLaC"),
    ("mov", lambda head: head[4:8] in (b"ftyp", b"moov", b"wide", b"mdat")),
    ("matroska", lambda head: head[:4] == b"\x1aE\xdf\xa3"),
    ("aiff", lambda head: head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC")),
    ("amr", lambda head: head[:5] == b"#!AMR"),
    ("caf", lambda head: head[:4] == b"caff"),
)


def sniff(data: bytes) -> tuple[str, int]:
    """Return libav's name of the demuxer and the offset of the media. Raises BadAudio.

    ID3 tags are skipped: they may hold pictures of many megabytes, and libav takes quadratic
    time for many frames.
    """
    if not data:
        raise BadAudio(EMPTY)
    start = _skip_id3(data)
    head = data[start : start + 28]
    for name, matches in _MAGIC:
        if matches(head):
            return name, start
    return _find_mpeg(data, start)


def find_links(data: bytes) -> list[int]:
    """Return where each file begins that has been joined to an Ogg file: its first byte, and more.

    Such a chain is a valid file (RFC 3533), but libav reads on only if the format stays the same.
    """
    links, at, is_head = [0], 0, True
    while (at := data.find(b"OggS", at)) >= 0 and len(data) >= at + _OGG_HEADER_BYTES:
        is_first = bool(data[at + 5] & _OGG_FIRST_PAGE)
        # All streams of one file begin before any of them goes on.
        if is_first and not is_head:
            links.append(at)
        is_head = is_first
        lengths = data[at + _OGG_HEADER_BYTES : at + _OGG_HEADER_BYTES + data[at + 26]]
        at += _OGG_HEADER_BYTES + len(lengths) + sum(lengths)
    return links


def _skip_id3(data: bytes) -> int:
    start = 0
    while data[start : start + 3] == b"ID3" and len(data) >= start + _ID3_HEADER_BYTES:
        size = 0
        for byte in data[start + 6 : start + 10]:
            size = size << 7 | byte & 127
        has_footer = bool(data[start + 5] & 0x10)
        start += size + _ID3_HEADER_BYTES * (2 if has_footer else 1)
    return start


def _find_mpeg(data: bytes, start: int) -> tuple[str, int]:
    """Find MPEG audio or ADTS by the sync word of a frame, after zeros or a few bytes."""
    for index in range(start, min(start + _PADDING_BYTES, len(data) - 3)):
        if _is_adts(data, index):
            return "aac", index
        if _is_mpeg(data, index):
            return "mp3", index
        if data[index] and index > start + 16:
            break
    raise BadAudio(UNKNOWN)


def _is_adts(data: bytes, at: int) -> bool:
    return data[at] == 0xFF and data[at + 1] & 0xF6 == 0xF0 and data[at + 2] & 0x3C < 0x34


def _is_mpeg(data: bytes, at: int) -> bool:
    """Return True for the header of a layer II or III frame without reserved values."""
    is_sync = data[at] == 0xFF and data[at + 1] & 0xE0 == 0xE0
    has_version = data[at + 1] & 0x18 != 0x08
    has_layer = data[at + 1] & 0x06 in (2, 4)
    has_rates = data[at + 2] & 0xF0 != 0xF0 and data[at + 2] & 0x0C != 0x0C
    return is_sync and has_version and has_layer and has_rates
