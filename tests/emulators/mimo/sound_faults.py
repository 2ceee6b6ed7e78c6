"""What can go wrong with the sound that the service sends, each under a name."""

from __future__ import annotations

import struct
from collections.abc import Callable


def _patch(at: int, form: str, value: int) -> Callable[[bytes], bytes]:
    def patch(wav: bytes) -> bytes:
        packed = struct.pack(form, value)
        return wav[:at] + packed + wav[at + len(packed) :]

    return patch


def _unsized(wav: bytes) -> bytes:
    return _patch(40, "<I", 0xFFFFFFFF)(_patch(4, "<I", 0xFFFFFFFF)(wav))


def _extended(wav: bytes) -> bytes:
    """Name the format the long way, and put a chunk of odd length before the sound."""
    _, rate_hz = struct.unpack_from("<HI", wav, 22)
    guid = b"\x00\x00\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71"
    form = struct.pack("<HHIIHHHHIH", 0xFFFE, 1, rate_hz, 2 * rate_hz, 2, 16, 22, 16, 4, 1) + guid
    chunks = b"WAVEfmt " + struct.pack("<I", len(form)) + form + b"LIST\x03\x00\x00\x00abc\x00"
    chunks += wav[36:]
    return b"RIFF" + struct.pack("<I", len(chunks)) + chunks


#: Files of sound that are wrong, or odd but right: billed.
WAVS: dict[str, Callable[[bytes], bytes]] = {
    "speech_wav_cut": lambda wav: wav[: 44 + (len(wav) - 44) // 4 * 2],
    "speech_wav_head": lambda wav: wav[:30],
    "speech_wav_none": lambda _: b"<html>no sound</html>",
    "speech_wav_rate": _patch(24, "<I", 48_000),
    "speech_wav_stereo": _patch(22, "<H", 2),
    "speech_wav_float": _patch(20, "<H", 3),
    "speech_wav_odd": lambda wav: _patch(40, "<I", len(wav) - 43)(wav) + b"x",
    "speech_wav_unsized": _unsized,
    "speech_wav_extended": _extended,
}
SOUNDS: dict[str, Callable[[bytes], bytes]] = {
    **WAVS,
    "speech_empty": lambda _: b"",
    "speech_odd": lambda sound: sound[:-1],
}


def _spoil(chunks: list[str | None]) -> list[str | None]:
    middle = len(chunks) // 2
    return [*chunks[:middle], "!!!!", *chunks[middle + 1 :]]


#: Base64 of sound that is wrong, or has holes: billed.
CHUNKS: dict[str, Callable[[list[str | None]], list[str | None]]] = {
    "speech_base64": _spoil,
    "speech_null": lambda chunks: [None for _ in chunks],
    "speech_holes": lambda chunks: [part for chunk in chunks for part in (chunk, None, "")],
}
