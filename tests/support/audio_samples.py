"""Audio for tests, generated on demand: 16-bit mono samples, and files of every format."""

from __future__ import annotations

import array
import io
import math
import random
import struct
from fractions import Fraction
from functools import cache
from typing import Any

import av

from core.audio.segment import audioop
from tests.support.paths import SPEECH

#: Recordings of people.
RECORDINGS = (
    *("austen-0870.wav", "cards-001.wav", "jfk.flac", "sb_example1.wav"),
    *("sr_chinese.flac", "sr_english.wav"),
)


#: The standard deviation of 16 random bits.
_UNIFORM = 65_536 / math.sqrt(12)


def pack(values: Any) -> bytes:
    return array.array("h", [max(-32768, min(32767, round(v))) for v in values]).tobytes()


def unpack(pcm: bytes) -> array.array[int]:
    return array.array("h", pcm)


def decode(data: bytes, rate_hz: int = 16_000, form: str | None = None) -> bytes:
    """Decode with PyAV alone, as a reference for our decoder."""
    out = bytearray()
    resampler = av.AudioResampler(format="s16", layout="mono", rate=rate_hz)
    with av.open(io.BytesIO(data), "r", format=form) as container:
        for frame in container.decode(audio=0):
            frame.pts = None
            for block in resampler.resample(frame):
                out += bytes(memoryview(block.planes[0])[: block.samples * 2])
        for block in resampler.resample(None):
            out += bytes(memoryview(block.planes[0])[: block.samples * 2])
    return bytes(out)


@cache
def recording(name: str) -> bytes:
    return (SPEECH / name).read_bytes()


@cache
def _conversation(rate_hz: int) -> bytes:
    order = ["jfk.flac", "austen-0870.wav", "sb_example1.wav", "sr_english.wav"]
    return b"".join(decode(recording(n), rate_hz) + bytes(rate_hz // 5 * 2) for n in order)


def speech(seconds: float, rate_hz: int = 16_000) -> bytes:
    """Return real speech with pauses."""
    return _repeat(_conversation(rate_hz), seconds, rate_hz)


def _repeat(pcm: bytes, seconds: float, rate_hz: int = 16_000) -> bytes:
    size = int(seconds * rate_hz) * 2
    return (pcm * (size // len(pcm) + 1))[:size]


def silence(seconds: float, rate_hz: int = 16_000) -> bytes:
    return bytes(int(seconds * rate_hz) * 2)


def offset(level: int, size: int) -> bytes:
    """Return `size` bytes of samples of one value."""
    return struct.pack("<h", level) * (size // 2)


@cache
def noise(seconds: float, level: float = 3000, rate_hz: int = 16_000, seed: int = 1) -> bytes:
    """Return white noise that repeats every 5 s; the sum of four draws is nearly Gaussian."""
    draw, mixed = random.Random(seed), bytes(10 * rate_hz)
    for _ in range(4):
        part = audioop.mul(draw.randbytes(10 * rate_hz), 2, level / 2 / _UNIFORM)
        mixed = audioop.add(mixed, part, 2)
    return _repeat(mixed, seconds, rate_hz)


@cache
def brown_noise(seconds: float, level: float = 60) -> bytes:
    """Return low-pass filtered white noise: 0.001 of each sample added to 0.999 of the last."""
    white = random.Random(2).randbytes(int(seconds * 16_000) * 2)
    brown, _ = audioop.ratecv(white, 2, 1, 16_000, 16_000, None, 1, 999)
    return bytes(audioop.mul(brown, 2, level * 1000 / _UNIFORM))


@cache
def _second(hz: int, levels: tuple[float, ...], rate_hz: int) -> bytes:
    """Return a second of a tone: levels of the fundamental and of its odd overtones."""
    step = 2 * math.pi * hz / rate_hz
    parts = [(level, (2 * n + 1) * step) for n, level in enumerate(levels)]
    return pack(sum(level * math.sin(i * turn) for level, turn in parts) for i in range(rate_hz))


def tone(seconds: float, hz: int = 440, level: float = 8000, rate_hz: int = 16_000) -> bytes:
    return _repeat(_second(hz, (level,), rate_hz), seconds, rate_hz)


def chord(seconds: float, level: float = 12_000) -> bytes:
    """Return C, E and G, as loud together as `level` at the most."""
    notes = [tone(seconds, hz, level / 3) for hz in (262, 330, 392)]
    return mix(mix(notes[0], notes[1]), notes[2])


def under(pcm: bytes, bed: bytes, decibels: float) -> bytes:
    """Return samples with a bed under them that is louder by so many decibels."""
    gain = audioop.rms(bed, 2) / audioop.rms(pcm, 2) / 10 ** (decibels / 20)
    return mix(pcm, bed, gain)


def hum(seconds: float, hz: int = 50) -> bytes:
    """Return mains hum with its odd overtones."""
    return _repeat(_second(hz, (4000, 1500, 700), 16_000), seconds)


def mix(a: bytes, b: bytes, a_gain: float = 1.0, b_gain: float = 1.0) -> bytes:
    size = min(len(a), len(b))
    a, b = audioop.mul(a[:size], 2, a_gain), audioop.mul(b[:size], 2, b_gain)
    mixed: bytes = audioop.add(a, b, 2)
    return mixed


#: The encoder's lowest complexity: good enough for tests in half the time.
_QUICK = {"compression_level": "0"}
#: Name -> container, codec, sample rate, codec options, container options.
KINDS: dict[str, tuple[str, str, int, dict[str, str], dict[str, str]]] = {
    "ogg-opus": ("ogg", "libopus", 48_000, {"application": "voip", **_QUICK}, {}),
    "ogg-vorbis": ("ogg", "vorbis", 44_100, {"strict": "-2"}, {}),
    "ogg-flac": ("ogg", "flac", 16_000, {}, {}),
    "mp3": ("mp3", "libmp3lame", 44_100, {}, {}),
    "mp2": ("mp2", "mp2", 44_100, {}, {}),
    "m4a": ("ipod", "aac", 44_100, {}, {}),
    "m4a-fragmented": ("mp4", "aac", 44_100, {}, {"movflags": "+frag_keyframe+empty_moov"}),
    "m4a-alac": ("ipod", "alac", 44_100, {}, {}),
    "mp4-opus": ("mp4", "libopus", 48_000, {}, {}),
    "mov": ("mov", "aac", 44_100, {}, {}),
    "aac": ("adts", "aac", 44_100, {}, {}),
    "flac": ("flac", "flac", 44_100, {}, {}),
    "webm": ("webm", "libopus", 48_000, {}, {}),
    "matroska": ("matroska", "flac", 16_000, {}, {}),
    "wav": ("wav", "pcm_s16le", 44_100, {}, {}),
    "wav-8": ("wav", "pcm_u8", 16_000, {}, {}),
    "wav-24": ("wav", "pcm_s24le", 44_100, {}, {}),
    "wav-32": ("wav", "pcm_s32le", 44_100, {}, {}),
    "wav-float": ("wav", "pcm_f32le", 44_100, {}, {}),
    "wav-double": ("wav", "pcm_f64le", 44_100, {}, {}),
    "wav-mulaw": ("wav", "pcm_mulaw", 8_000, {}, {}),
    "wav-alaw": ("wav", "pcm_alaw", 8_000, {}, {}),
    "wav-adpcm": ("wav", "adpcm_ms", 22_050, {}, {}),
    "wav-adpcm-ima": ("wav", "adpcm_ima_wav", 22_050, {}, {}),
    "wav-192k": ("wav", "pcm_s16le", 192_000, {}, {}),
    "rf64": ("wav", "pcm_s16le", 16_000, {}, {"rf64": "always"}),
    "w64": ("w64", "pcm_s16le", 16_000, {}, {}),
    "aiff": ("aiff", "pcm_s16be", 44_100, {}, {}),
    "caf": ("caf", "pcm_s16be", 44_100, {}, {}),
    "amr": ("amr", "libopencore_amrnb", 8_000, {}, {}),
    "3gp": ("3gp", "libopencore_amrnb", 8_000, {}, {}),
    "3gp-aac": ("3gp", "aac", 44_100, {}, {}),
}


@cache
def file(kind: str, pcm: bytes | None = None, layout: str = "mono") -> bytes:
    """Return 16 kHz mono samples (default: 3 s of speech) as a file of that kind."""
    container, codec, rate, options, more = KINDS[kind]
    if codec == "vorbis":  # its encoder has no mono
        layout = "stereo"
    return encode(
        pcm or speech(3), container, codec, rate=rate, layout=layout, options=options, more=more
    )


def encode(
    pcm: bytes, container: str, codec: str, *, rate: int = 16_000, layout: str = "mono",
    options: dict[str, str] | None = None, more: dict[str, str] | None = None, copies: int = 1,
    video: tuple[int, int] | None = None,
) -> bytes:  # fmt: skip
    """Encode 16 kHz mono samples. copies: number of audio tracks. video: size of a video track."""
    out = io.BytesIO()
    with av.open(out, "w", format=container, options=more or {}) as box:
        picture = _add_video(box, video) if video else None
        tracks = [
            box.add_stream(codec, rate=rate, layout=layout, options=options or {})
            for _ in range(copies if pcm else 0)
        ]
        for track in tracks:
            _add_sound(box, track, pcm, rate)
        if picture:
            _draw(box, picture, *video)  # type: ignore[misc]
    return out.getvalue()


def _add_sound(box: Any, track: Any, pcm: bytes, rate: int) -> None:
    context = track.codec_context
    resampler = av.AudioResampler(
        format=context.format, layout=context.layout, rate=rate, frame_size=context.frame_size or 0
    )
    frame = av.AudioFrame(format="s16", layout="mono", samples=len(pcm) // 2)
    frame.planes[0].update(pcm.ljust(frame.planes[0].buffer_size, b"\0"))
    frame.sample_rate, frame.time_base, frame.pts = 16_000, Fraction(1, 16_000), 0
    for part in [*resampler.resample(frame), *resampler.resample(None)]:
        box.mux(track.encode(part))
    box.mux(track.encode(None))


def _add_video(box: Any, size: tuple[int, int]) -> Any:
    codec = "libvpx" if "webm" in box.format.name else "mpeg4"
    stream = box.add_stream(codec, rate=5)
    stream.width, stream.height = size
    stream.pix_fmt = "yuv420p"
    return stream


def _draw(box: Any, stream: Any, width: int, height: int) -> None:
    for index in range(3):
        frame = av.VideoFrame(width, height, "yuv420p")
        for plane in frame.planes:
            plane.update(bytes([80 * index]) * plane.buffer_size)
        frame.pts = index
        box.mux(stream.encode(frame))
    box.mux(stream.encode(None))


def wav(
    data: bytes, *, rate: int = 16_000, channels: int = 1, bits: int = 16, tag: int = 1,
    data_size: int | None = None, riff_size: int | None = None,
) -> bytes:  # fmt: skip
    block = channels * bits // 8
    head = struct.pack("<HHIIHH", tag, channels, rate, (rate * block) % 2**32, block, bits)
    size = len(data) if data_size is None else data_size
    body = b"WAVEfmt " + struct.pack("<I", 16) + head + b"data" + struct.pack("<I", size) + data
    return b"RIFF" + struct.pack("<I", len(body) if riff_size is None else riff_size) + body
