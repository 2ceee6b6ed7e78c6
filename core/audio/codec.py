"""Decoding of bytes that nobody vouches for, within limits, and encoding of our own sound.

Decoding is bounded by what comes out, not by what the container says of itself. It belongs into
a child process (`core.audio.worker`): in this one only sound that we made ourselves is decoded.
"""

from __future__ import annotations

import io
import weakref
from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING

import av
from av.audio.fifo import AudioFifo
from av.audio.stream import AudioStream
from av.error import FFmpegError

from core.audio.refusals import DAMAGED, NO_SOUND, ODD, PROTECTED
from core.audio.sniff import sniff
from core.errors import BadAudio, TooLong

if TYPE_CHECKING:
    from av.container import InputContainer

#: Decoders that may be opened: sound only, so that no video or picture is ever parsed.
_DECODERS = (
    "opus,libopus,vorbis,libvorbis,flac,alac,speex,libspeex,gsm,gsm_ms,"
    "mp3,mp3float,mp2,mp2float,aac,aac_fixed,aac_latm,"
    "amrnb,amrwb,libopencore_amrnb,libopencore_amrwb,"
    "pcm_u8,pcm_s8,pcm_s16le,pcm_s16be,pcm_s24le,pcm_s24be,pcm_s32le,pcm_s32be,"
    "pcm_f32le,pcm_f32be,pcm_f64le,pcm_f64be,pcm_alaw,pcm_mulaw,adpcm_ms,adpcm_ima_wav,"
    "adpcm_ima_qt"
)
#: Names that a demuxer goes by, where they are not its own.
_FORMATS = {"mov": "mov,mp4,m4a,3gp,3g2,mj2", "matroska": "matroska,webm"}
#: A lower rate turns one small packet into gigabytes within a single call.
_RATES_HZ = range(4000, 192_001)
_CHANNELS = range(1, 9)
_MAX_BAD_PACKETS = 64
#: A claim of a length that the file is too small for is not believed.
_LEAST_BYTES_PER_S = 5
#: Sound that must have been read before an error is taken for the end of the file.
_LEAST_S = 0.1
#: Frames are resampled together: a small one costs the walk more than the work.
_LOT_S = 0.5

_ENCODERS = {
    "ogg": ("libopus", 32_000),
    "mp3": ("libmp3lame", 64_000),
    "flac": ("flac", None),
    "wav": ("pcm_s16le", None),
}
#: What the encoder takes; players always get 48,000.
_OPUS_RATES_HZ = (8_000, 12_000, 16_000, 24_000, 48_000)
_ENCODER_OPTIONS = {
    "ogg": {"application": "voip"},
    # The encoder in av's wheel is slow; this costs quality that speech does not need.
    "mp3": {"compression_level": "7"},
}


class Decoder:
    """One recording, decoded block by block to 16-bit mono.

    max_s: length that may come out. Raises BadAudio, TooLong.
    """

    def __init__(self, data: bytes, *, rate_hz: int = 16_000, max_s: float = 7200.0) -> None:
        self._rate_hz, self._max_s = rate_hz, max_s
        self._samples = 0
        self._shape: tuple[int, int, str, str] | None = None
        self._gathered = AudioFifo()
        self._failure: BadAudio | None = None
        self._bad_packets = 0
        self._resampler: av.AudioResampler | None = None
        self._container = _open(data)
        self._stream = _pick_stream(self._container)
        #: What the container says of its length, None if that is nothing or nonsense.
        self.claimed_s = _read_claim(self._container, len(data))
        if self.claimed_s and self.claimed_s > max_s:
            raise TooLong(hours=f"{max_s / 3600:g}")

    @property
    def codec(self) -> str:
        """The name that libav has for how the sound is stored."""
        return self._stream.codec_context.name

    @property
    def is_bare(self) -> bool:
        """True where the file holds this one sound and nothing else."""
        return len(self._container.streams) == 1

    @property
    def is_whole(self) -> bool:
        """True, once all blocks were given, where nothing in the file was damaged."""
        return self._failure is None and not self._bad_packets

    def blocks(self) -> Iterator[bytes]:
        """Yield the samples, little-endian. What is readable of a damaged file is given."""
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
            raise BadAudio(NO_SOUND)

    def _frames(self) -> Iterator[av.AudioFrame]:
        """Yield what can be decoded up to an error that ends it."""
        try:
            for packet in self._container.demux(self._stream):
                try:
                    yield from packet.decode()
                except FFmpegError:
                    self._bad_packets += 1
                    if self._bad_packets > _MAX_BAD_PACKETS:
                        raise
        except (FFmpegError, ValueError):
            self._failure = BadAudio(DAMAGED)

    def _convert(self, frame: av.AudioFrame) -> Iterator[bytes]:
        channels = frame.layout.nb_channels
        shape = (frame.sample_rate, channels, frame.layout.name, frame.format.name)
        if shape != self._shape:
            yield self._flush()
            _check(frame.sample_rate, channels)
            self._shape, self._gathered = shape, AudioFifo()
            self._resampler = av.AudioResampler(format="s16", layout="mono", rate=self._rate_hz)
        frame.pts = None
        self._gathered.write(frame)
        for lot in self._gathered.read_many(int(_LOT_S * frame.sample_rate)):
            yield self._resample(lot)

    def _flush(self) -> bytes:
        """Return all that was held back."""
        lot = self._gathered.read()
        return (self._resample(lot) if lot else b"") + self._resample(None)

    def _resample(self, lot: av.AudioFrame | None) -> bytes:
        """Return what is ready of this and of what came before it; None flushes."""
        blocks = self._resampler.resample(lot) if self._resampler else []
        self._samples += sum(block.samples for block in blocks)
        if self._samples > self._max_s * self._rate_hz:
            raise TooLong(hours=f"{self._max_s / 3600:g}")
        return b"".join([bytes(memoryview(b.planes[0])[: b.samples * 2]) for b in blocks])


def _open(data: bytes) -> InputContainer:
    name, start = sniff(data)
    options = {
        "codec_whitelist": _DECODERS,
        "format_whitelist": _FORMATS.get(name, name),
        "protocol_whitelist": "",
        "max_streams": "32",
        "probesize": "1000000",
        "analyzeduration": "5000000",
    }
    if name == "mov" and b"sinf" in data and (b"enca" in data or b"drms" in data):
        raise BadAudio(PROTECTED)
    source = io.BytesIO(memoryview(data)[start:] if start else data)
    try:
        return av.open(source, "r", format=name, options=options)
    except (FFmpegError, ValueError, OSError):
        raise BadAudio(DAMAGED) from None


def _read_claim(container: InputContainer, size_bytes: int) -> float | None:
    claimed_s = (container.duration or 0) / av.time_base
    return claimed_s if 0 < claimed_s * _LEAST_BYTES_PER_S < size_bytes else None


def _pick_stream(container: InputContainer) -> AudioStream:
    if not container.streams.audio:
        raise BadAudio(NO_SOUND)
    stream = container.streams.audio[0]
    context = stream.codec_context
    if context is None or context.name not in _DECODERS.split(","):
        raise BadAudio(ODD)
    context.thread_count = 1
    _check(context.sample_rate or 0, context.channels or 0)
    return stream


def _check(rate_hz: int, channels: int) -> None:
    if rate_hz not in _RATES_HZ or channels not in _CHANNELS:
        raise BadAudio(ODD)


class PcmEncoder:
    """Turns 16-bit mono samples, as they come, into a file: "ogg" (Opus), "mp3", "flac" or "wav".

    mux: options of the container. tags: what the file says of itself.
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
        self._out, self._rate_hz, self._samples = io.BytesIO(), rate_hz, 0
        self._container = av.open(self._out, "w", format=format, options=mux or {})
        # One that is given up would keep its threads until the garbage collector comes by.
        weakref.finalize(self, self._container.close).atexit = False
        self._container.metadata.update(tags or {})
        # Other rates than Opus has are converted on the way in.
        is_known = format != "ogg" or rate_hz in _OPUS_RATES_HZ
        options, rate = _ENCODER_OPTIONS.get(format, {}), rate_hz if is_known else 48_000
        stream = self._container.add_stream(codec, rate=rate, layout="mono", options=options)
        assert isinstance(stream, AudioStream)
        self._stream = stream
        if bits := bit_rate or usual_bit_rate:
            stream.bit_rate = bits
        if format == "flac":
            stream.codec_context.format = "s16"

    @property
    def size_bytes(self) -> int:
        """Length of what is written so far; the encoder holds back about a second."""
        return self._out.tell()

    def feed(self, pcm: bytes) -> None:
        """Take whole samples, as many as there are."""
        for frame in self._build_frames(pcm):
            self._container.mux(self._stream.encode(frame))

    def close(self) -> bytes:
        """Return the finished file."""
        self._container.mux(self._stream.encode(None))
        self._container.close()
        return self._out.getvalue()

    def _build_frames(self, pcm: bytes) -> Iterator[av.AudioFrame]:
        """Frames of at most one second: their size stays bounded."""
        for start in range(0, len(pcm) // 2, self._rate_hz):
            part = pcm[start * 2 : (start + self._rate_hz) * 2]
            frame = av.AudioFrame(format="s16", layout="mono", samples=len(part) // 2)
            frame.planes[0].update(part.ljust(frame.planes[0].buffer_size, b"\0"))
            frame.sample_rate, frame.time_base = self._rate_hz, Fraction(1, self._rate_hz)
            frame.pts = self._samples
            self._samples += len(part) // 2
            yield frame


def encode(pcm: bytes, *, rate_hz: int, format: str, bit_rate: int | None = None) -> bytes:
    """Return 16-bit mono samples as "ogg" (Opus), "mp3", "flac" or "wav"."""
    encoder = PcmEncoder(rate_hz, format, bit_rate=bit_rate)
    encoder.feed(pcm)
    return encoder.close()
