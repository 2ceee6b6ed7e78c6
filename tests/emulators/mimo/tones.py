"""Decodable audio: every word is a number, encoded as three tones.

A recording of w0, w1, w2 … can be cut, joined, transcoded and reordered; decoding the result
shows which words were lost, repeated or cut in two, and their times.
"""

from __future__ import annotations

import array
import io
import math
import warnings
import wave
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop

RATE_HZ = 16_000
BASE = 40
TONE_S = 0.12
WORD_S = 3 * TONE_S
_LOWEST_HZ, _STEP_HZ = 400, 60
_FRAME_S = 0.01
_LOUD = 400


@dataclass(frozen=True)
class Word:
    """A number, or None if its audio is damaged, with its times in seconds."""

    number: int | None
    start_s: float
    end_s: float


def make_recording(numbers: Iterable[int], *, gap_s: float = 0.64) -> bytes:
    """Return a WAV file (16 kHz, mono) of numbers up to 63,999, each followed by silence."""
    return make_wav(make_pcm(numbers, gap_s=gap_s))


def make_pcm(numbers: Iterable[int], *, gap_s: float, rate_hz: int = RATE_HZ) -> bytes:
    """Return mono samples of numbers, each followed by silence."""
    gap = bytes(2 * round(gap_s * rate_hz))
    return b"".join(_make_word(number, rate_hz) + gap for number in numbers)


def make_wav(pcm: bytes, *, rate_hz: int = RATE_HZ, channels: int = 1) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(pcm)
    return buffer.getvalue()


def read_words(pcm: bytes, rate_hz: int = RATE_HZ) -> list[Word]:
    """Return the words in mono samples; an empty list if none can be decoded."""
    words = [_read_word(pcm, rate_hz, start, end) for start, end in _find_bursts(pcm, rate_hz)]
    return words if any(word.number is not None for word in words) else []


def is_silent(pcm: bytes) -> bool:
    return not pcm or audioop.max(pcm, 2) < _LOUD


def _make_word(number: int, rate_hz: int) -> bytes:
    digits = (number // BASE**2, number // BASE % BASE, number % BASE)
    return b"".join(_make_tone(digit, rate_hz) for digit in digits)


@cache
def _make_tone(digit: int, rate_hz: int) -> bytes:
    step = 2 * math.pi * (_LOWEST_HZ + _STEP_HZ * digit) / rate_hz
    count = round(TONE_S * rate_hz)
    return array.array("h", [round(9000 * math.sin(step * n)) for n in range(count)]).tobytes()


def _find_bursts(pcm: bytes, rate_hz: int) -> Iterator[tuple[int, int]]:
    size = round(_FRAME_S * rate_hz) * 2
    start = None
    for at in range(0, len(pcm), size):
        is_loud = audioop.rms(pcm[at : at + size // 2 * 2], 2) > _LOUD
        if is_loud and start is None:
            start = at
        elif not is_loud and start is not None:
            yield start, at
            start = None
    if start is not None:
        yield start, len(pcm)


def _read_word(pcm: bytes, rate_hz: int, start: int, end: int) -> Word:
    start_s, end_s = start / 2 / rate_hz, end / 2 / rate_hz
    if abs(end_s - start_s - WORD_S) > 0.05:
        return Word(None, start_s, end_s)
    digits = [_read_digit(pcm, rate_hz, (start_s + end_s) / 2 + n * TONE_S) for n in (-1, 0, 1)]
    if None in digits:
        return Word(None, start_s, end_s)
    number = 0
    for digit in digits:
        number = number * BASE + (digit or 0)
    return Word(number, start_s, end_s)


def _read_digit(pcm: bytes, rate_hz: int, middle_s: float) -> int | None:
    """Return the digit of a tone, from its zero crossings in 60 ms around the middle."""
    start, end = (2 * round((middle_s + d) * rate_hz) for d in (-0.03, 0.03))
    middle = pcm[start:end]
    if not middle:
        return None
    hz = audioop.cross(middle, 2) / 2 / (len(middle) / 2 / rate_hz)
    digit = round((hz - _LOWEST_HZ) / _STEP_HZ)
    return digit if 0 <= digit < BASE else None
