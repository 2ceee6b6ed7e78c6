"""Conversion of our own audio on its way out: Opus packets, rates, pace, smaller files."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av
from av.filter import Graph

from core.audio.codec import OPUS_RATES_HZ, Decoder, PcmEncoder, build_frame
from core.audio.segment import audioop
from core.models import Audio

#: Of a live conversation.
_LIVE_BIT_RATE = 64_000
_SMALL_RATE_HZ = 24_000
#: Enough for intelligible speech: 10.8 MB per hour.
_SMALL_BIT_RATE = 24_000
#: Margin below the limit, for what the encoder holds back and the last page.
_MARGIN_BYTES = 16_000
_MAX_S = 24 * 3600.0
#: Short pages leave at once; a frame with the length of the whole could not be filled in.
_SENT = {"ogg": {"page_duration": "40000"}, "mp3": {"write_xing": "0"}}
#: Speeds at which atempo blends samples instead of skipping them.
_SMOOTH_SPEEDS = (0.5, 2.0)


class OpusPackets:
    """Encodes a stream of 16-bit mono samples as Opus packets of 20 ms, each sent on its own.

    Rates that Opus does not support are resampled seamlessly across calls.
    """

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz, self._samples = rate_hz, 0
        rate = rate_hz if rate_hz in OPUS_RATES_HZ else 48_000
        context = av.AudioCodecContext.create("libopus", "w")
        context.sample_rate, context.layout, context.format = rate, "mono", "s16"
        context.bit_rate, context.time_base = _LIVE_BIT_RATE, Fraction(1, rate)
        context.options = {"application": "voip", "frame_duration": "20"}
        context.open()
        self._context = context
        self._resampler = av.AudioResampler(
            format="s16", layout="mono", rate=rate, frame_size=context.frame_size
        )

    def feed(self, pcm: bytes) -> list[bytes]:
        """Take whole samples and return the complete packets."""
        if not pcm:
            return []
        frame = build_frame(pcm, self._rate_hz, self._samples)
        self._samples += len(pcm) // 2
        return [*self._encode(self._resampler.resample(frame))]

    def finish(self) -> list[bytes]:
        """Return the remaining packets; the last one is padded with silence."""
        rest = [*self._encode(self._resampler.resample(None))] if self._samples else []
        return [*rest, *(bytes(packet) for packet in self._context.encode(None))]

    def _encode(self, frames: list[av.AudioFrame]) -> Iterator[bytes]:
        for frame in frames:
            yield from (bytes(packet) for packet in self._context.encode(frame))


class StreamEncoder:
    """Encodes a stream of 16-bit mono samples as a file that is sent while it grows.

    format: "mp3", "ogg" (Opus), "flac" or "aac". tags: its metadata.
    """

    def __init__(self, rate_hz: int, format: str, tags: dict[str, str]) -> None:
        mux = {"flush_packets": "1", **_SENT.get(format, {})}
        self._encoder = PcmEncoder(rate_hz, format, mux=mux, tags=tags)
        self._taken_bytes = 0

    def feed(self, pcm: bytes) -> bytes:
        """Take whole samples and return the part of the file that is complete."""
        self._encoder.feed(pcm)
        with self._encoder.out.getbuffer() as written:
            return self._take(written)

    def finish(self) -> bytes:
        """Return the rest of the file."""
        return self._take(memoryview(self._encoder.close()))

    def _take(self, written: memoryview) -> bytes:
        new = bytes(written[self._taken_bytes :])
        self._taken_bytes += len(new)
        return new


class RateConverter:
    """Resamples a stream of 16-bit mono samples, in chunks of any length.

    To a higher rate only: a lower one would cause aliasing.
    """

    def __init__(self, from_hz: int, to_hz: int) -> None:
        self._rates = from_hz, to_hz
        self._state: Any = None

    def feed(self, pcm: bytes) -> bytes:
        """Return the samples in `pcm` at the new rate."""
        if self._rates[0] == self._rates[1]:
            return pcm
        converted: bytes
        converted, self._state = audioop.ratecv(pcm, 2, 1, *self._rates, self._state)
        return converted


class TempoChanger:
    """Speeds up or slows down a stream of 16-bit mono samples, at the same pitch.

    speed: 0.25 to 4. By libavfilter's atempo, which stays smooth between 0.5 and 2 and is
    therefore applied twice beyond that.
    """

    def __init__(self, rate_hz: int, speed: float) -> None:
        self._rate_hz, self._samples = rate_hz, 0
        self._graph = None if speed == 1 else _build_tempo_graph(rate_hz, speed)

    def feed(self, pcm: bytes) -> bytes:
        """Take whole samples and return those that are ready."""
        if self._graph is None or not pcm:
            return pcm
        self._graph.push(build_frame(pcm, self._rate_hz, self._samples))
        self._samples += len(pcm) // 2
        return self._pull()

    def finish(self) -> bytes:
        """Return the rest."""
        if self._graph is None or not self._samples:
            return b""
        self._graph.push(None)
        return self._pull()

    def _pull(self) -> bytes:
        assert self._graph is not None
        ready = b""
        while True:
            try:
                frame = self._graph.pull()
            except (av.BlockingIOError, av.EOFError):
                return ready
            assert isinstance(frame, av.AudioFrame)
            ready += bytes(memoryview(frame.planes[0])[: frame.samples * 2])


def _build_tempo_graph(rate_hz: int, speed: float) -> Graph:
    count = 1 if _SMOOTH_SPEEDS[0] <= speed <= _SMOOTH_SPEEDS[1] else 2
    step = str(speed ** (1 / count))
    graph = Graph()
    nodes = [
        graph.add_abuffer(
            sample_rate=rate_hz, format="s16", layout="mono", time_base=Fraction(1, rate_hz)
        ),
        *(graph.add("atempo", step) for _ in range(count)),
        graph.add("aformat", "sample_fmts=s16:channel_layouts=mono"),
        graph.add("abuffersink"),
    ]
    graph.link_nodes(*nodes).configure()
    return graph


def shrink(data: bytes, max_bytes: int) -> list[Audio]:
    """Return our own audio as Opus in parts of at most `max_bytes`; equal audio, equal parts.

    Blocks for about a second per two minutes of audio. Raises BadAudio, TooLong (over a day).
    """
    parts: list[Audio] = []
    encoder, samples = _start_part(), 0
    for block in Decoder(data, rate_hz=_SMALL_RATE_HZ, max_s=_MAX_S).blocks():
        # One second at a time: a part exceeds its limit by no more than that.
        for start in range(0, len(block), 2 * _SMALL_RATE_HZ):
            if encoder.size_bytes > max_bytes - _MARGIN_BYTES:
                parts.append(_finish_part(encoder, samples))
                encoder, samples = _start_part(), 0
            pcm = block[start : start + 2 * _SMALL_RATE_HZ]
            encoder.feed(pcm)
            samples += len(pcm) // 2
    return [*parts, _finish_part(encoder, samples)]


def _start_part() -> PcmEncoder:
    return PcmEncoder(_SMALL_RATE_HZ, "ogg", bit_rate=_SMALL_BIT_RATE)


def _finish_part(encoder: PcmEncoder, samples: int) -> Audio:
    return Audio(encoder.close(), "audio/ogg", samples / _SMALL_RATE_HZ)
