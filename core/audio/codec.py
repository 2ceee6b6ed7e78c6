"""Bounded decoding of untrusted media, and encoding of our own audio.

Decoding is limited by its actual output, not by what the container claims. Media from people is
decoded in a worker process (`core.audio.worker`), in the main one only audio that we made.
"""

from __future__ import annotations

import io
import weakref
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING

import av
from av.audio.fifo import AudioFifo
from av.audio.stream import AudioStream
from av.error import FFmpegError

from core.audio.refusals import DAMAGED, NO_AUDIO, PROTECTED, UNSUPPORTED_CODEC, refuse_length
from core.audio.sniff import find_links, sniff
from core.errors import BadAudio

if TYPE_CHECKING:
    from av.container import InputContainer

#: Allowed decoders: audio only, so that no video or picture is ever parsed.
_DECODERS = (
    "opus,libopus,vorbis,libvorbis,flac,alac,speex,libspeex,gsm,gsm_ms,"
    "mp3,mp3float,mp2,mp2float,aac,aac_fixed,aac_latm,"
    "amrnb,amrwb,libopencore_amrnb,libopencore_amrwb,"
    "pcm_u8,pcm_s8,pcm_s16le,pcm_s16be,pcm_s24le,pcm_s24be,pcm_s32le,pcm_s32be,"
    "pcm_f32le,pcm_f32be,pcm_f64le,pcm_f64be,pcm_alaw,pcm_mulaw,adpcm_ms,adpcm_ima_wav,"
    "adpcm_ima_qt"
)
#: Full names of demuxers that have several.
_FORMATS = {"mov": "mov,mp4,m4a,3gp,3g2,mj2", "matroska": "matroska,webm"}
#: At a lower rate, resampling one small packet can produce gigabytes in a single call.
_RATES_HZ = range(4000, 192_001)
_CHANNELS = range(1, 9)
_MAX_BAD_PACKETS = 64
#: Of so many joined files the claimed durations are read.
_MAX_CLAIMS = 16
#: A claimed duration that needs fewer bytes per second than this is ignored.
_LEAST_BYTES_PER_S = 5
#: After this much decoded audio, an error counts as the end of the file.
_LEAST_S = 0.1
#: Frames are resampled in batches: the overhead of a call exceeds the work on one frame.
_BATCH_S = 0.5

_ENCODERS = {
    "ogg": ("libopus", 32_000),
    "mp3": ("libmp3lame", 64_000),
    "flac": ("flac", None),
    "wav": ("pcm_s16le", None),
    "aac": ("aac", 64_000),
}
#: Containers whose name is not that of the format.
_MUXERS = {"aac": "adts"}
#: Rates that the Opus encoder supports; decoders always output 48,000.
OPUS_RATES_HZ = (8_000, 12_000, 16_000, 24_000, 48_000)
_ENCODER_OPTIONS = {
    "ogg": {"application": "voip"},
    # The encoder in av's wheel is slow; faster, at a quality that is enough for speech.
    "mp3": {"compression_level": "7"},
}


class Decoder:
    """Decodes one file block by block to 16-bit mono.

    max_s: maximum duration of the output. Raises BadAudio, TooLong.
    """

    def __init__(self, data: bytes, *, rate_hz: int = 16_000, max_s: float = 7200.0) -> None:
        self._rate_hz, self._max_s = rate_hz, max_s
        self._samples = 0
        self._input_format: tuple[int, int, str, str] | None = None
        self._fifo = AudioFifo()
        self._failure: BadAudio | None = None
        self._bad_packets = 0
        self._resampler: av.AudioResampler | None = None
        #: Openers of the files that are joined in this one, or of the only one.
        self._files = _split(data)
        self._container = self._files[0]()
        self._stream = _pick_stream(self._container)
        #: libav's name of the codec.
        self.codec = self._stream.codec_context.name
        self.has_one_stream = len(self._files) == len(self._container.streams) == 1
        claimed_s = _read_claim(self._container) + sum(map(_measure, self._files[1:_MAX_CLAIMS]))
        is_plausible = 0 < claimed_s * _LEAST_BYTES_PER_S < len(data)
        #: Duration according to the container, None if unknown or implausible.
        self.claimed_s = claimed_s if is_plausible else None
        if self.claimed_s and self.claimed_s > max_s:
            raise refuse_length(max_s)

    @property
    def is_intact(self) -> bool:
        """Return True if no block was damaged. Valid after the last block."""
        return self._failure is None and not self._bad_packets

    def blocks(self) -> Iterator[bytes]:
        """Yield the samples, little-endian; of a damaged file, those that can be decoded."""
        try:
            for frame in self._frames():
                yield from self._convert(frame)
            yield self._flush()
        except (FFmpegError, ValueError):
            self._failure = BadAudio(DAMAGED)
        except BadAudio as error:
            self._failure = error
        finally:
            self._container.close()
        if self._failure and self._samples < _LEAST_S * self._rate_hz:
            raise self._failure
        if not self._samples:
            raise BadAudio(NO_AUDIO)

    def _frames(self) -> Iterator[av.AudioFrame]:
        """Yield the decoded frames of each file up to a fatal error in it."""
        for number, open_file in enumerate(self._files):
            try:
                if number:
                    self._container.close()
                    self._container = open_file()
                    self._stream = _pick_stream(self._container)
                yield from self._decode()
            except (FFmpegError, ValueError):
                self._failure = BadAudio(DAMAGED)
            except BadAudio as error:
                self._failure = error

    def _decode(self) -> Iterator[av.AudioFrame]:
        for packet in self._container.demux(self._stream):
            try:
                yield from packet.decode()
            except FFmpegError:
                self._bad_packets += 1
                if self._bad_packets > _MAX_BAD_PACKETS:
                    raise

    def _convert(self, frame: av.AudioFrame) -> Iterator[bytes]:
        channels = frame.layout.nb_channels
        input_format = (frame.sample_rate, channels, frame.layout.name, frame.format.name)
        if input_format != self._input_format:
            yield self._flush()
            _check_format(frame.sample_rate, channels)
            self._input_format, self._fifo = input_format, AudioFifo()
            self._resampler = av.AudioResampler(format="s16", layout="mono", rate=self._rate_hz)
        frame.pts = None
        self._fifo.write(frame)
        for batch in self._fifo.read_many(int(_BATCH_S * frame.sample_rate)):
            yield self._resample(batch)

    def _flush(self) -> bytes:
        """Return the samples that are still buffered."""
        batch = self._fifo.read()
        return (self._resample(batch) if batch else b"") + self._resample(None)

    def _resample(self, batch: av.AudioFrame | None) -> bytes:
        """Return the resampled output that is ready; None flushes."""
        blocks = self._resampler.resample(batch) if self._resampler else []
        self._samples += sum(block.samples for block in blocks)
        if self._samples > self._max_s * self._rate_hz:
            raise refuse_length(self._max_s)
        return b"".join([bytes(memoryview(b.planes[0])[: b.samples * 2]) for b in blocks])


def _split(data: bytes) -> list[partial[InputContainer]]:
    """Return openers of the files that are joined in one, mostly of a single one."""
    name, start = sniff(data)
    if name == "mov" and b"sinf" in data and (b"enca" in data or b"drms" in data):
        raise BadAudio(PROTECTED)
    starts = find_links(data) if name == "ogg" else [start]
    if starts == [0]:
        return [partial(_open, name, data)]  # whole, it is not copied
    ends = [*starts[1:], len(data)]
    view = memoryview(data)
    return [partial(_open, name, view[first:end]) for first, end in zip(starts, ends, strict=True)]


def _open(name: str, data: bytes | memoryview) -> InputContainer:
    """Open media for the demuxer `name`. Raises BadAudio."""
    options = {
        "codec_whitelist": _DECODERS,
        "format_whitelist": _FORMATS.get(name, name),
        "protocol_whitelist": "",
        "max_streams": "32",
        "probesize": "1000000",
        "analyzeduration": "5000000",
    }
    try:
        return av.open(io.BytesIO(data), "r", format=name, options=options)
    except (FFmpegError, ValueError, OSError):
        raise BadAudio(DAMAGED) from None


def _read_claim(container: InputContainer) -> float:
    return (container.duration or 0) / av.time_base


def _measure(open_file: Callable[[], InputContainer]) -> float:
    """Return the claimed duration of a joined file, 0 if it is unknown or damaged."""
    try:
        container = open_file()
    except BadAudio:
        return 0.0
    with container:
        return _read_claim(container)


def _pick_stream(container: InputContainer) -> AudioStream:
    if not container.streams.audio:
        raise BadAudio(NO_AUDIO)
    stream = container.streams.audio[0]
    context = stream.codec_context
    if context is None or context.name not in _DECODERS.split(","):
        raise BadAudio(UNSUPPORTED_CODEC)
    context.thread_count = 1
    _check_format(context.sample_rate or 0, context.channels or 0)
    return stream


def _check_format(rate_hz: int, channels: int) -> None:
    if rate_hz not in _RATES_HZ or channels not in _CHANNELS:
        raise BadAudio(UNSUPPORTED_CODEC)


class PcmEncoder:
    """Encodes a stream of 16-bit mono samples as "ogg" (Opus), "mp3", "flac", "wav" or "aac".

    mux: options of the container. tags: its metadata.
    """

    def __init__(
        self,
        rate_hz: int,
        format: str,
        *,
        bit_rate: int | None = None,
        mux: dict[str, str] | None = None,
        tags: dict[str, str] | None = None,
    ) -> None:
        codec, usual_bit_rate = _ENCODERS[format]
        #: What is written so far.
        self.out, self._rate_hz, self._samples = io.BytesIO(), rate_hz, 0
        muxer = _MUXERS.get(format, format)
        self._container = av.open(self.out, "w", format=muxer, options=mux or {})
        # An abandoned encoder would keep its threads until garbage collection.
        weakref.finalize(self, self._container.close).atexit = False
        self._container.metadata.update(tags or {})
        is_known = format != "ogg" or rate_hz in OPUS_RATES_HZ  # others are resampled
        options, rate = _ENCODER_OPTIONS.get(format, {}), rate_hz if is_known else 48_000
        stream = self._container.add_stream(codec, rate=rate, layout="mono", options=options)
        assert isinstance(stream, AudioStream)
        self._stream = stream
        if bits := bit_rate or usual_bit_rate:
            stream.bit_rate = bits
        if format == "flac":
            stream.codec_context.format = "s16"
        stream.codec_context.open()  # it takes longer than the first frame

    @property
    def size_bytes(self) -> int:
        """Return the size so far, without about a second that the encoder holds back."""
        return self.out.tell()

    def feed(self, pcm: bytes) -> None:
        """Encode whole samples."""
        for frame in self._build_frames(pcm):
            self._container.mux(self._stream.encode(frame))

    def close(self) -> bytes:
        """Return the finished file."""
        self._container.mux(self._stream.encode(None))
        self._container.close()
        return self.out.getvalue()

    def _build_frames(self, pcm: bytes) -> Iterator[av.AudioFrame]:
        """Yield frames of at most one second, which bounds their size."""
        for start in range(0, len(pcm) // 2, self._rate_hz):
            part = pcm[start * 2 : (start + self._rate_hz) * 2]
            yield build_frame(part, self._rate_hz, self._samples)
            self._samples += len(part) // 2


def build_frame(pcm: bytes, rate_hz: int, start: int) -> av.AudioFrame:
    """Return a frame of 16-bit mono samples, of which `start` came before."""
    frame = av.AudioFrame(format="s16", layout="mono", samples=len(pcm) // 2)
    frame.planes[0].update(pcm.ljust(frame.planes[0].buffer_size, b"\0"))
    frame.sample_rate, frame.time_base, frame.pts = rate_hz, Fraction(1, rate_hz), start
    return frame


def encode(pcm: bytes, *, rate_hz: int, format: str, bit_rate: int | None = None) -> bytes:
    """Return 16-bit mono samples encoded as "ogg" (Opus), "mp3", "flac", "wav" or "aac"."""
    encoder = PcmEncoder(rate_hz, format, bit_rate=bit_rate)
    encoder.feed(pcm)
    return encoder.close()
