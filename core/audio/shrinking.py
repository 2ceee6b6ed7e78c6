"""Sound of our own that is too large for where it goes: written with fewer bits, and in parts."""

from __future__ import annotations

from core.audio.codec import Decoder, PcmEncoder
from core.models import Audio

_RATE_HZ = 24_000
#: Speech is well understood at this; an hour is 10.8 MB.
_BIT_RATE = 24_000
#: What the encoder holds back, and the last page: a part ends so much before the limit.
_ROOM_BYTES = 16_000
_MAX_S = 24 * 3600.0


def shrink(data: bytes, max_bytes: int) -> list[Audio]:
    """Return sound that we made ourselves as Opus, in as many parts as the limit asks for.

    The same sound gives the same parts. Blocks for about a second per two minutes of sound.
    Raises BadAudio, TooLong (more than a day).
    """
    parts: list[Audio] = []
    encoder, samples = _begin(), 0
    for block in Decoder(data, rate_hz=_RATE_HZ, max_s=_MAX_S).blocks():
        # A second at a time: no part grows beyond its limit by more than that.
        for start in range(0, len(block), 2 * _RATE_HZ):
            if encoder.size_bytes > max_bytes - _ROOM_BYTES:
                parts.append(_end(encoder, samples))
                encoder, samples = _begin(), 0
            pcm = block[start : start + 2 * _RATE_HZ]
            encoder.feed(pcm)
            samples += len(pcm) // 2
    return [*parts, _end(encoder, samples)]


def _begin() -> PcmEncoder:
    return PcmEncoder(_RATE_HZ, "ogg", bit_rate=_BIT_RATE)


def _end(encoder: PcmEncoder, samples: int) -> Audio:
    return Audio(encoder.close(), "audio/ogg", samples / _RATE_HZ)
