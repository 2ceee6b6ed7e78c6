"""Sound files for tests, made when they are needed: ordinary ones, damaged ones, hostile ones."""

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

#: The recordings of people: name and length in seconds.
RECORDINGS = {
    "austen-0870.wav": 7.1, "cards-001.wav": 1.095, "jfk.flac": 11.0, "sb_example1.wav": 3.261,
    "sr_chinese.flac": 0.956, "sr_english.wav": 2.745,
}  # fmt: skip


#: The standard deviation of 16 random bits.
_UNIFORM = 65_536 / math.sqrt(12)


# --- samples, 16 bits, mono ---------------------------------------------------------------


def pack(values: Any) -> bytes:
    return array.array("h", [max(-32768, min(32767, round(v))) for v in values]).tobytes()


def unpack(pcm: bytes) -> array.array[int]:
    return array.array("h", pcm)


def decode(data: bytes, rate_hz: int = 16_000) -> bytes:
    """Decode by PyAV alone: the other side that ours is compared with."""
    out = bytearray()
    resampler = av.AudioResampler(format="s16", layout="mono", rate=rate_hz)
    with av.open(io.BytesIO(data), "r") as container:
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
    """Real speech, with pauses, as long as asked for."""
    return _repeat(_conversation(rate_hz), seconds, rate_hz)


def _repeat(pcm: bytes, seconds: float, rate_hz: int = 16_000) -> bytes:
    size = int(seconds * rate_hz) * 2
    return (pcm * (size // len(pcm) + 1))[:size]


def silence(seconds: float, rate_hz: int = 16_000) -> bytes:
    return bytes(int(seconds * rate_hz) * 2)


def offset(level: int, size: int) -> bytes:
    """So many bytes of one value."""
    return struct.pack("<h", level) * (size // 2)


@cache
def noise(seconds: float, level: float = 3000, rate_hz: int = 16_000, seed: int = 1) -> bytes:
    """White noise that repeats every 5 s: four draws for each sample, as good as a Gaussian."""
    draw, mixed = random.Random(seed), bytes(10 * rate_hz)
    for _ in range(4):
        part = audioop.mul(draw.randbytes(10 * rate_hz), 2, level / 2 / _UNIFORM)
        mixed = audioop.add(mixed, part, 2)
    return _repeat(mixed, seconds, rate_hz)


@cache
def brown_noise(seconds: float, level: float = 60) -> bytes:
    """White noise behind a filter: each sample is a thousandth of it and what was before."""
    white = random.Random(2).randbytes(int(seconds * 16_000) * 2)
    brown, _ = audioop.ratecv(white, 2, 1, 16_000, 16_000, None, 1, 999)
    return bytes(audioop.mul(brown, 2, level * 1000 / _UNIFORM))


@cache
def tone(seconds: float, hz: int = 440, level: float = 8000, rate_hz: int = 16_000) -> bytes:
    step = 2 * math.pi * hz / rate_hz
    second = pack(level * math.sin(i * step) for i in range(rate_hz))
    return _repeat(second, seconds, rate_hz)


@cache
def hum(seconds: float, hz: int = 50) -> bytes:
    """The mains with its odd overtones."""
    step = 2 * math.pi * hz / 16_000
    parts = ((4000, 1), (1500, 3), (700, 5))
    second = pack(sum(a * math.sin(n * i * step) for a, n in parts) for i in range(16_000))
    return _repeat(second, seconds)


def mix(a: bytes, b: bytes, a_gain: float = 1.0, b_gain: float = 1.0) -> bytes:
    size = min(len(a), len(b))
    a, b = audioop.mul(a[:size], 2, a_gain), audioop.mul(b[:size], 2, b_gain)
    mixed: bytes = audioop.add(a, b, 2)
    return mixed


# --- files --------------------------------------------------------------------------------

#: The encoder's least effort: sound enough for tests in half the time.
_QUICK = {"compression_level": "0"}
#: name -> container, codec, rate, options of the codec, options of the container
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
    """Encode 16 kHz mono samples (default: 3 s of speech) as a file of that kind."""
    container, codec, rate, options, more = KINDS[kind]
    if codec == "vorbis":  # its encoder knows no mono
        layout = "stereo"
    return encode(
        pcm or speech(3), container, codec, rate=rate, layout=layout, options=options, more=more
    )


def encode(
    pcm: bytes, container: str, codec: str, *, rate: int = 16_000, layout: str = "mono",
    options: dict[str, str] | None = None, more: dict[str, str] | None = None, copies: int = 1,
    video: tuple[int, int] | None = None,
) -> bytes:  # fmt: skip
    """Encode 16 kHz mono samples. copies: sound tracks. video: size of a moving picture."""
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


# --- WAV by hand --------------------------------------------------------------------------


def wav(
    data: bytes, *, rate: int = 16_000, channels: int = 1, bits: int = 16, tag: int = 1,
    data_size: int | None = None, riff_size: int | None = None,
) -> bytes:  # fmt: skip
    block = channels * bits // 8
    head = struct.pack("<HHIIHH", tag, channels, rate, (rate * block) % 2**32, block, bits)
    size = len(data) if data_size is None else data_size
    body = b"WAVEfmt " + struct.pack("<I", 16) + head + b"data" + struct.pack("<I", size) + data
    return b"RIFF" + struct.pack("<I", len(body) if riff_size is None else riff_size) + body


# --- Ogg by hand --------------------------------------------------------------------------


def _make_table(polynomial: int, bits: int) -> list[int]:
    top, mask, table = 1 << (bits - 1), (1 << bits) - 1, []
    for byte in range(256):
        value = byte << (bits - 8)
        for _ in range(8):
            value = (value << 1 ^ polynomial) & mask if value & top else value << 1 & mask
        table.append(value)
    return table


_CRC32, _CRC16, _CRC8 = _make_table(0x04C11DB7, 32), _make_table(0x8005, 16), _make_table(7, 8)


def _ogg_crc(data: bytes) -> int:
    value = 0
    for byte in data:
        value = (value << 8 & 0xFFFFFFFF) ^ _CRC32[value >> 24 ^ byte]
    return value


def ogg_page(packets: list[bytes], *, index: int, granule: int, flags: int = 0) -> bytes:
    lacing = b"".join(b"\xff" * (len(p) // 255) + bytes([len(p) % 255]) for p in packets)
    assert len(lacing) <= 255
    head = struct.pack("<4sBBqIII", b"OggS", 0, flags, granule, 77, index, 0)
    page = head + bytes([len(lacing)]) + lacing + b"".join(packets)
    return page[:22] + struct.pack("<I", _ogg_crc(page)) + page[26:]


def ogg_pages(data: bytes) -> list[bytes]:
    """Split a file at its pages."""
    starts = [i for i in range(len(data)) if data.startswith(b"OggS", i)]
    return [data[a:b] for a, b in zip(starts, [*starts[1:], len(data)], strict=True)]


def opus_head(channels: int = 1, family: int = 0) -> bytes:
    head = struct.pack("<8sBBHIhB", b"OpusHead", 1, channels, 312, 48_000, 0, family)
    return head + (bytes([channels, 0, *range(channels)]) if family else b"")


_OPUS_TAGS = b"OpusTags" + struct.pack("<I", 4) + b"test" + struct.pack("<I", 0)


@cache
def silent_opus(hours: float, claimed_s: float | None = None) -> bytes:
    """Silence in packets of one byte, 120 ms each. claimed_s: what the last page says."""
    samples, packet = 5760, bytes([11 << 3 | 1])
    pages = [
        ogg_page([opus_head()], index=0, granule=0, flags=2),
        ogg_page([_OPUS_TAGS], index=1, granule=0),
    ]
    left, granule = int(hours * 3600 * 48_000 / samples), 0
    while left > 0:
        count = min(255, left)
        left, granule = left - count, granule + count * samples
        shown = granule if left or claimed_s is None else int(claimed_s * 48_000)
        flags = 0 if left else 4
        pages.append(ogg_page([packet] * count, index=len(pages), granule=shown, flags=flags))
    return b"".join(pages)


def opus_with_head(head: bytes) -> bytes:
    pages = [
        ogg_page([head], index=0, granule=0, flags=2),
        ogg_page([_OPUS_TAGS], index=1, granule=0),
        ogg_page([bytes([11 << 3])] * 100, index=2, granule=100 * 2880, flags=4),
    ]
    return b"".join(pages)


def opus_comments(count: int) -> bytes:
    """Opus whose comments take quadratic time in libav."""
    tags = b"OpusTags" + struct.pack("<I", 4) + b"test" + struct.pack("<I", count)
    tags += b"".join(struct.pack("<I", 8) + b"%06x=v" % index for index in range(count))
    pages, rest = [ogg_page([opus_head()], index=0, granule=0, flags=2)], tags
    while len(rest) > 255 * 255:
        head = struct.pack("<4sBBqIII", b"OggS", 0, len(pages) > 1, -1, 77, len(pages), 0)
        page = head + b"\xff" * 256 + rest[: 255 * 255]
        pages.append(page[:22] + struct.pack("<I", _ogg_crc(page)) + page[26:])
        rest = rest[255 * 255 :]
    pages.append(ogg_page([rest], index=len(pages), granule=0, flags=1))
    pages.append(ogg_page([b"\x58"] * 100, index=len(pages), granule=288_000, flags=4))
    return b"".join(pages)


# --- FLAC by hand -------------------------------------------------------------------------


def _utf8(value: int) -> bytes:
    """FLAC's frame numbers: UTF-8 beyond Unicode."""
    if value < 0x80:
        return bytes([value])
    length = 2 + sum(value >= limit for limit in (1 << 11, 1 << 16, 1 << 21, 1 << 26))
    tail = [0x80 | value >> 6 * i & 0x3F for i in reversed(range(length - 1))]
    return bytes([(0xFF00 >> length & 0xFF) | value >> 6 * (length - 1), *tail])


def _crc(table: list[int], bits: int, data: bytes) -> int:
    value = 0
    for byte in data:
        value = (value << 8 & (1 << bits) - 1) ^ table[value >> (bits - 8) ^ byte]
    return value


@cache
def silent_flac(frames: int, *, rate: int = 48_000, channels: int = 1) -> bytes:
    """Silence in frames of 65,535 samples and some 14 bytes: 4,000 to 1 and more."""
    block = 65_535
    info = struct.pack(">HH", block, block) + bytes(6)
    numbers = rate << 44 | (channels - 1) << 41 | 15 << 36 | (frames * block) & (1 << 36) - 1
    out = [b"fLaC\x80\0\0\x22" + info + numbers.to_bytes(8, "big") + bytes(16)]
    for index in range(frames):
        head = b"\xff\xf8" + bytes([0x70, (channels - 1) << 4 | 8]) + _utf8(index)
        head += struct.pack(">H", block - 1)
        frame = head + bytes([_crc(_CRC8, 8, head)]) + bytes(3) * channels
        out.append(frame + struct.pack(">H", _crc(_CRC16, 16, frame)))
    return b"".join(out)


# --- ID3, MP4 -----------------------------------------------------------------------------


def id3(frames: bytes) -> bytes:
    size = bytes(len(frames) >> shift & 127 for shift in (21, 14, 7, 0))
    return b"ID3\x03\0\0" + size + frames


def id3_frame(name: bytes, body: bytes) -> bytes:
    return name + struct.pack(">I", len(body)) + b"\0\0" + body


def mov_with_reference(url: bytes) -> bytes:
    """A MOV that says its samples are in another file."""
    data = bytearray(file("mov"))
    old = bytes.fromhex("0000000c") + b"url " + bytes.fromhex("00000001")
    at = data.rindex(old)
    new = struct.pack(">I", 12 + len(url) + 1) + b"url " + bytes(4) + url + b"\0"
    data[at : at + len(old)] = new
    for parent in (b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref"):
        start = data.index(parent, data.rindex(b"moov")) - 4
        size = int.from_bytes(data[start : start + 4], "big") + len(new) - len(old)
        data[start : start + 4] = size.to_bytes(4, "big")
    return bytes(data)


def encrypted_m4a() -> bytes:
    keys = {"encryption_key": "00" * 15 + "01", "encryption_kid": "00" * 15 + "02"}
    return encode(
        speech(3), "mp4", "aac", rate=44_100, more={"encryption_scheme": "cenc-aes-ctr", **keys}
    )
