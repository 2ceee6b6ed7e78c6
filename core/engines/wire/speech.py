"""Samples, WAV files and tags of synthesized speech. Pure."""

from __future__ import annotations

import io
import re
import struct
import wave

from core.errors import EngineBadReply, NotSent
from core.models import Audio, Utterance

_TAGS = re.compile(r"^\s*<style>.*?</style>|\[[^\[\]]*\]", re.DOTALL)
_BLANKS = re.compile(r"[ \t]{2,}")
_RATE_HZ = 16_000
_PCM, _EXTENSIBLE = 1, 0xFFFE
#: Sizes from here on mean "not known yet", and so does 0: the header came before the samples.
_UNKNOWN_BYTES = 0x7FFF_0000


def check_preset(utterance: Utterance) -> None:
    """Raise NotSent if `utterance` wants a voice that is not a preset."""
    if utterance.description or utterance.sample is not None:
        raise NotSent("only preset voices", reason="it only has preset voices")


def strip_tags(text: str) -> str:
    """Return `text` without audio tags and style, for engines that would read them aloud."""
    return _BLANKS.sub(" ", _TAGS.sub("", text)).strip()


def make_silence(duration_s: float) -> Audio:
    """Return silence as WAV, 16 kHz mono."""
    output = io.BytesIO()
    with wave.open(output, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(_RATE_HZ)
        file.writeframes(bytes(2 * int(_RATE_HZ * duration_s)))
    return Audio(output.getvalue(), "audio/wav", duration_s)


def split_samples(data: bytes) -> tuple[bytes, bytes]:
    """Return the whole samples at the start of `data`, and the odd byte that remains."""
    end = len(data) // 2 * 2
    return data[:end], data[end:]


def read_wav(data: bytes, *, rate_hz: int) -> bytes:
    """Return the samples of a 16-bit mono WAV file.

    Raises EngineBadReply if it has another format or rate, is cut or empty.
    """
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise EngineBadReply("the audio is not WAV")
    at, has_format = 12, False
    while at + 8 <= len(data):
        name, size = struct.unpack_from("<4sI", data, at)
        at += 8
        if name == b"data" and has_format:
            return _read_samples(data[at:], size)
        if name == b"fmt ":
            _check_format(data[at : at + size], rate_hz)
            has_format = True
        at += size + size % 2
    raise EngineBadReply("the WAV has no samples")


def _read_samples(rest: bytes, size: int) -> bytes:
    is_known = 0 < size < _UNKNOWN_BYTES
    if is_known and size > len(rest):
        raise EngineBadReply("the WAV is cut")
    samples, odd = split_samples(rest[:size] if is_known else rest)
    if odd:
        raise EngineBadReply("the WAV ends within a sample")
    if not samples:
        raise EngineBadReply("the WAV has no samples")
    return samples


def _check_format(header: bytes, rate_hz: int) -> None:
    if len(header) < 16:
        raise EngineBadReply("the WAV's header is cut")
    tag, channels, found_hz, _, _, bits = struct.unpack_from("<HHIIHH", header)
    if tag == _EXTENSIBLE and len(header) >= 26:
        (tag,) = struct.unpack_from("<H", header, 24)
    if (tag, channels, bits) != (_PCM, 1, 16):
        raise EngineBadReply(f"the WAV is not 16-bit mono PCM: {tag}, {bits} bit, {channels}")
    if found_hz != rate_hz:
        raise EngineBadReply(f"the WAV has {found_hz} Hz instead of {rate_hz}")
