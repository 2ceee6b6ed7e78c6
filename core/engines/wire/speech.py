"""What the speech of all engines shares: samples, WAV, tags, scripts. Pure."""

from __future__ import annotations

import io
import re
import struct
import wave

from core.errors import EngineBadReply, EngineRefused
from core.models import Audio, Utterance

_TAGS = re.compile(r"^\s*<style>.*?</style>|\[[^\[\]]*\]", re.DOTALL)
_BLANKS = re.compile(r"[ \t]{2,}")
_RATE_HZ = 16_000
_PCM, _EXTENSIBLE = 1, 0xFFFE
#: Sizes from here on stand for "not known yet", and so does 0: the header came before the sound.
_UNKNOWN_BYTES = 0x7FFF_0000


def check_preset(utterance: Utterance) -> None:
    """Raise EngineRefused if `utterance` is not to be spoken by a preset voice."""
    if utterance.description or utterance.sample is not None:
        raise EngineRefused("only preset voices", reason="it has preset voices only")


def strip_tags(text: str) -> str:
    """Return `text` without audio tags and overall style, for engines that would read them out."""
    return _BLANKS.sub(" ", _TAGS.sub("", text)).strip()


def make_silence(duration_s: float) -> Audio:
    """Return silence as WAV, 16 kHz mono."""
    sound = io.BytesIO()
    with wave.open(sound, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(_RATE_HZ)
        file.writeframes(bytes(2 * int(_RATE_HZ * duration_s)))
    return Audio(sound.getvalue(), "audio/wav", duration_s)


def split_samples(data: bytes) -> tuple[bytes, bytes]:
    """Return the whole samples at the start of `data`, and the odd byte that is left over."""
    end = len(data) // 2 * 2
    return data[:end], data[end:]


def read_wav(data: bytes, *, rate_hz: int) -> bytes:
    """Return the samples of a WAV file that is 16 bit and mono.

    Raises EngineBadReply if it is anything else, cut, empty, or of another rate.
    """
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise EngineBadReply("the sound is no WAV")
    at, has_form = 12, False
    while at + 8 <= len(data):
        name, size = struct.unpack_from("<4sI", data, at)
        at += 8
        if name == b"data" and has_form:
            return _read_samples(data[at:], size)
        if name == b"fmt ":
            _check_form(data[at : at + size], rate_hz)
            has_form = True
        at += size + size % 2
    raise EngineBadReply("the WAV has no sound")


def _read_samples(rest: bytes, size: int) -> bytes:
    is_known = 0 < size < _UNKNOWN_BYTES
    if is_known and size > len(rest):
        raise EngineBadReply("the WAV is cut")
    samples, odd = split_samples(rest[:size] if is_known else rest)
    if odd:
        raise EngineBadReply("the WAV ends within a sample")
    if not samples:
        raise EngineBadReply("the WAV has no sound")
    return samples


def _check_form(form: bytes, rate_hz: int) -> None:
    if len(form) < 16:
        raise EngineBadReply("the WAV's header is cut")
    tag, channels, found_hz, _, _, bits = struct.unpack_from("<HHIIHH", form)
    if tag == _EXTENSIBLE and len(form) >= 26:
        (tag,) = struct.unpack_from("<H", form, 24)
    if (tag, channels, bits) != (_PCM, 1, 16):
        raise EngineBadReply(f"the WAV is not 16 bit and mono: {tag}, {bits} bit, {channels}")
    if found_hz != rate_hz:
        raise EngineBadReply(f"the WAV has {found_hz} Hz instead of {rate_hz}")
