"""Sound for a live conversation: Opus packets, each of which is sent on its own."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import av

#: Rates that the codec itself takes; whoever listens gets 48,000 from each.
_RATES_HZ = (8_000, 12_000, 16_000, 24_000, 48_000)
_BIT_RATE = 64_000


class OpusPackets:
    """Turns 16-bit mono samples, as they come, into packets of 20 ms each.

    Sound of other rates than Opus has is resampled without a seam between one call and the next.
    """

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz, self._samples = rate_hz, 0
        rate = rate_hz if rate_hz in _RATES_HZ else 48_000
        context = av.AudioCodecContext.create("libopus", "w")
        context.sample_rate, context.layout, context.format = rate, "mono", "s16"
        context.bit_rate, context.time_base = _BIT_RATE, Fraction(1, rate)
        context.options = {"application": "voip", "frame_duration": "20"}
        context.open()
        self._context = context
        self._resampler = av.AudioResampler(
            format="s16", layout="mono", rate=rate, frame_size=context.frame_size
        )

    def feed(self, pcm: bytes) -> list[bytes]:
        """Take whole samples and return the packets that are full."""
        if not pcm:
            return []
        return [*self._encode(self._resampler.resample(self._build_frame(pcm)))]

    def finish(self) -> list[bytes]:
        """Return what is left; the last packet is filled up with silence."""
        rest = [*self._encode(self._resampler.resample(None))] if self._samples else []
        return [*rest, *(bytes(packet) for packet in self._context.encode(None))]

    def _encode(self, frames: list[av.AudioFrame]) -> Iterator[bytes]:
        for frame in frames:
            yield from (bytes(packet) for packet in self._context.encode(frame))

    def _build_frame(self, pcm: bytes) -> av.AudioFrame:
        frame = av.AudioFrame(format="s16", layout="mono", samples=len(pcm) // 2)
        frame.planes[0].update(pcm.ljust(frame.planes[0].buffer_size, b"\0"))
        frame.sample_rate, frame.time_base = self._rate_hz, Fraction(1, self._rate_hz)
        frame.pts = self._samples
        self._samples += len(pcm) // 2
        return frame
