"""Preparation of a whole recording for an answering engine: checked, converted only if needed.

Runs in the worker process.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Any

from core.audio.codec import Decoder, PcmEncoder
from core.audio.refusals import SILENT
from core.audio.segment import audioop
from core.audio.sniff import sniff
from core.errors import BadAudio, TooLong
from core.worker_process import Frame

_RATE_HZ = 16_000
#: Peaks below this, in 16-bit steps, are inaudible: -60 dB of full scale.
_SILENCE_LEVEL = 33
#: Samples between two frames that report progress.
_PROGRESS_BYTES = 60 * _RATE_HZ * 2

#: Demuxer -> MIME types of such a file, and the codecs that engines expect in it.
_PASSED_THROUGH: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "ogg": (("audio/ogg", "audio/opus"), ("opus", "libopus", "vorbis", "libvorbis")),
    "mp3": (("audio/mpeg", "audio/mp3"), ("mp3", "mp3float")),
    "wav": (("audio/wav", "audio/x-wav"), ("pcm_u8", "pcm_s16le", "pcm_s24le", "pcm_s32le")),
    "flac": (("audio/flac", "audio/x-flac"), ("flac",)),
    "mov": (("audio/mp4", "audio/m4a", "audio/x-m4a"), ("aac",)),
}
#: First letters of the brands of plain MPEG-4 files: M4A, mp41, mp42, isom, iso2 …
_BRANDS = (b"M4A", b"mp4", b"iso")
#: MIME type -> format to write, highest and lowest bit rate.
_WRITTEN = {
    "audio/mpeg": ("mp3", 64_000, 16_000),
    "audio/mp3": ("mp3", 64_000, 16_000),
    "audio/ogg": ("ogg", 32_000, 12_000),
    "audio/wav": ("wav", 256_000, 256_000),
    "audio/flac": ("flac", 256_000, 256_000),
}


def prepare(header: dict[str, Any], data: bytes) -> Iterator[Frame]:
    """Yield {} as progress, then {"mime", "duration_s"} and the file, empty if unchanged.

    header: formats (MIME types, the one to convert to first), max_bytes, max_s.
    Raises BadAudio, TooLong.
    """
    decoder = _open(header, data)
    mime, converted = _find_mime(decoder, data, header), b""
    encoder = None if mime else _make_encoder(header, decoder.claimed_s)
    duration_s = yield from _decode(decoder, encoder)
    if mime and not decoder.is_intact:
        # Written anew, since the engine may not be able to read a damaged file.
        mime, encoder = "", _make_encoder(header, duration_s)
        yield from _decode(_open(header, data), encoder)
    if encoder:
        mime, converted = _target_mime(header), encoder.close()
        if len(converted) > header["max_bytes"]:
            raise TooLong
    yield {"mime": mime, "duration_s": duration_s}, converted


def _open(header: dict[str, Any], data: bytes) -> Decoder:
    return Decoder(data, max_s=header["max_s"], rate_hz=_RATE_HZ)


def _find_mime(decoder: Decoder, data: bytes, header: dict[str, Any]) -> str:
    """Return the MIME type to send the file as, empty if the engine would not accept it."""
    name, start = sniff(data)
    mimes, codecs = _PASSED_THROUGH.get(name, ((), ()))
    fits = decoder.has_one_stream and decoder.codec in codecs and len(data) <= header["max_bytes"]
    is_plain = _is_plain(name, data[start : start + 12])
    return next((m for m in mimes if fits and is_plain and m in header["formats"]), "")


def _is_plain(name: str, head: bytes) -> bool:
    """Return True unless the file is a rarer variant, such as RF64 or QuickTime."""
    if name == "wav":
        return head.startswith(b"RIFF")
    return name != "mov" or (head[4:8] == b"ftyp" and head[8:11] in _BRANDS)


def _target_mime(header: dict[str, Any]) -> str:
    return next((mime for mime in header["formats"] if mime in _WRITTEN), "audio/mpeg")


def _make_encoder(header: dict[str, Any], length_s: float | None) -> PcmEncoder:
    """Return an encoder at the best bit rate that fits. Raises TooLong if none does."""
    format, best, least = _WRITTEN[_target_mime(header)]
    fitting = int(header["max_bytes"] * 8 * 0.95 / (length_s or header["max_s"]))
    # MP3 has only multiples of this.
    bit_rate = min(best, fitting // 8000 * 8000)
    if length_s and bit_rate < least:
        raise TooLong
    return PcmEncoder(_RATE_HZ, format, bit_rate=max(bit_rate, least) if best > least else None)


def _decode(decoder: Decoder, encoder: PcmEncoder | None) -> Generator[Frame, None, float]:
    """Decode everything; return the duration in seconds. Raises BadAudio if it is silent."""
    size, reported, loudest = 0, 0, 0
    for block in decoder.blocks():
        size += len(block)
        loudest = max(loudest, audioop.max(block, 2))
        if encoder:
            encoder.feed(block)
        if size - reported > _PROGRESS_BYTES:
            reported = size
            yield {}, b""
    if loudest < _SILENCE_LEVEL:
        raise BadAudio(SILENT)
    return size / 2 / _RATE_HZ
