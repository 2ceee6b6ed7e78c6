"""Sound that we made ourselves at another sample rate, as it comes."""

from __future__ import annotations

from typing import Any

from core.audio.segment import audioop


class RateConverter:
    """Turns 16-bit mono samples of one rate into those of another, in pieces of any length.

    For a higher rate only: a lower one would fold high tones into low ones.
    """

    def __init__(self, from_hz: int, to_hz: int) -> None:
        self._rates = from_hz, to_hz
        self._state: Any = None

    def feed(self, pcm: bytes) -> bytes:
        """Return the next samples."""
        if self._rates[0] == self._rates[1]:
            return pcm
        converted: bytes
        converted, self._state = audioop.ratecv(pcm, 2, 1, *self._rates, self._state)
        return converted
