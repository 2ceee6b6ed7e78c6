"""A whole recording for an engine that understands: checked to its end, converted only if need be.

Runs in the child process.
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
#: Below this, in 16-bit steps, nothing can be heard: -60 dB of full scale.
_SILENCE_LEVEL = 33
#: How much is decoded between two signs of life.
_SIGN_EVERY_BYTES = 60 * _RATE_HZ * 2

#: Demuxer -> what engines call such a file, and the ways of storing sound that they expect in it.
_KNOWN: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "ogg": (("audio/ogg", "audio/opus"), ("opus", "libopus", "vorbis", "libvorbis")),
    "mp3": (("audio/mpeg", "audio/mp3"), ("mp3", "mp3float")),
    "wav": (("audio/wav", "audio/x-wav"), ("pcm_u8", "pcm_s16le", "pcm_s24le", "pcm_s32le")),
    "flac": (("audio/flac", "audio/x-flac"), ("flac",)),
    "mov": (("audio/mp4", "audio/m4a", "audio/x-m4a"), ("aac",)),
}
#: How a plain MPEG-4 file begins to name itself: M4A, mp41, mp42, isom, iso2 …
_BRANDS = (b"M4A", b"mp4", b"iso")
#: What is written for each, at how many bits per second at most and at least.
_WRITTEN = {
    "audio/mpeg": ("mp3", 64_000, 16_000),
    "audio/mp3": ("mp3", 64_000, 16_000),
    "audio/ogg": ("ogg", 32_000, 12_000),
    "audio/wav": ("wav", 256_000, 256_000),
    "audio/flac": ("flac", 256_000, 256_000),
}


def prepare(header: dict[str, Any], data: bytes) -> Iterator[Frame]:
    """Yield {} while it goes on, then {"mime", "duration_s"} and the file, empty = as it came.

    header: formats (MIME types, the one to convert to first), max_bytes, max_s.
    Raises BadAudio, TooLong.
    """
    decoder = _open(header, data)
    mime, sound = _find_mime(decoder, data, header), b""
    encoder = None if mime else _make_encoder(header, decoder.claimed_s)
    duration_s = yield from _read(decoder, encoder)
    if mime and not decoder.is_whole:
        # What can be read of it is told anew: the engine might stumble where we did.
        mime, encoder = "", _make_encoder(header, duration_s)
        yield from _read(_open(header, data), encoder)
    if encoder:
        mime, sound = _find_format(header), encoder.close()
        if len(sound) > header["max_bytes"]:
            raise TooLong
    yield {"mime": mime, "duration_s": duration_s}, sound


def _open(header: dict[str, Any], data: bytes) -> Decoder:
    return Decoder(data, max_s=header["max_s"], rate_hz=_RATE_HZ)


def _find_mime(decoder: Decoder, data: bytes, header: dict[str, Any]) -> str:
    """Return what the engine calls this file, empty where it would not take it as it is."""
    name, start = sniff(data)
    mimes, codecs = _KNOWN.get(name, ((), ()))
    fits = decoder.is_bare and decoder.codec in codecs and len(data) <= header["max_bytes"]
    is_plain = _is_plain(name, data[start : start + 12])
    return next((m for m in mimes if fits and is_plain and m in header["formats"]), "")


def _is_plain(name: str, head: bytes) -> bool:
    """Tell what everybody reads from its rarer relatives, such as RF64 and QuickTime."""
    if name == "wav":
        return head.startswith(b"RIFF")
    return name != "mov" or (head[4:8] == b"ftyp" and head[8:11] in _BRANDS)


def _find_format(header: dict[str, Any]) -> str:
    return next((mime for mime in header["formats"] if mime in _WRITTEN), "audio/mpeg")


def _make_encoder(header: dict[str, Any], length_s: float | None) -> PcmEncoder:
    """Return what writes so much sound, as good as fits. Raises TooLong if nothing fits."""
    format, best, least = _WRITTEN[_find_format(header)]
    fitting = int(header["max_bytes"] * 8 * 0.95 / (length_s or header["max_s"]))
    # MP3 knows only multiples of this.
    bit_rate = min(best, fitting // 8000 * 8000)
    if length_s and bit_rate < least:
        raise TooLong
    return PcmEncoder(_RATE_HZ, format, bit_rate=max(bit_rate, least) if best > least else None)


def _read(decoder: Decoder, encoder: PcmEncoder | None) -> Generator[Frame, None, float]:
    """Decode all of it; return its length in seconds. Raises BadAudio where it is silent."""
    size, told, loudest = 0, 0, 0
    for block in decoder.blocks():
        size += len(block)
        loudest = max(loudest, audioop.max(block, 2))
        if encoder:
            encoder.feed(block)
        if size - told > _SIGN_EVERY_BYTES:
            told = size
            yield {}, b""
    if loudest < _SILENCE_LEVEL:
        raise BadAudio(SILENT)
    return size / 2 / _RATE_HZ
