"""Bad media files: each gives one clear error or the audio that can be decoded.

One table. A row is a name, the bytes, and what is expected: a sentence of `refusals`, TooLong,
or the length in seconds. All of it goes through the whole program in `tests.acceptance`.
"""

from __future__ import annotations

import re
import struct
import zipfile
from collections.abc import Callable
from functools import partial
from io import BytesIO
from pathlib import Path

from core.audio import refusals
from core.audio.segment import audioop
from core.errors import TooLong
from tests.support import audio_samples, crafted
from tests.support.audio_samples import encode, file, speech, wav

EMPTY, UNKNOWN, NO_AUDIO = refusals.EMPTY, refusals.UNKNOWN, refusals.NO_AUDIO
UNSUPPORTED_CODEC, DAMAGED, PROTECTED = (
    refusals.UNSUPPORTED_CODEC,
    refusals.DAMAGED,
    refusals.PROTECTED,
)
Expected = str | float | type[TooLong]


def chained(layout: str = "mono") -> bytes:
    return file("ogg-opus") + encode(speech(3), "ogg", "libopus", rate=48_000, layout=layout)


def bad_crc() -> bytes:
    pages = crafted.ogg_pages(file("ogg-opus", speech(9)))
    return b"".join([*pages[:4], pages[4][:22] + bytes(4) + pages[4][26:], *pages[5:]])


def cover(size: int) -> bytes:
    return crafted.id3(crafted.id3_frame(b"APIC", b"\0image/jpeg\0\3\0" + bytes(size)))


def many_id3_frames(count: int) -> bytes:
    return crafted.id3(crafted.id3_frame(b"TXXX", b"\0key\0value") * count) + file("mp3")


def xing_lies() -> bytes:
    head, mark, rest = re.split(b"(Info|Xing)", file("mp3"), maxsplit=1)
    return head + mark + rest[:4] + (2**31).to_bytes(4, "big") + rest[8:]


def free_bitrate() -> bytes:
    marks = re.compile(b"(\xff\xfb)(.)", re.DOTALL)
    return marks.sub(lambda mark: mark[1] + bytes([mark[2][0] & 0x0F]), file("mp3"))


def floats(*values: float) -> bytes:
    return wav(struct.pack(f"<{len(values)}f", *values) * 4000, bits=32, tag=3)


def zipped(name: str, data: bytes) -> bytes:
    out = BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(name, data)
    return out.getvalue()


def odd_opus(channels: int, family: int) -> bytes:
    return crafted.opus_with_head(crafted.opus_head(channels, family))


def video(container: str, *size: int, codec: str = "aac", rate: int = 44_100) -> bytes:
    return encode(speech(3), container, codec, rate=rate, video=size)  # type: ignore[arg-type]


def with_offset() -> bytes:
    loud = audioop.mul(speech(3), 2, 3)
    return wav(audioop.add(loud, audio_samples.offset(9000, len(loud)), 2))


#: Rows that are whole files of a kind.
WHOLE = {
    "7 vorbis": "ogg-vorbis", "16 wav, 24 bits": "wav-24", "16 wav, 8 bits": "wav-8",
    "16 wav, µ-law": "wav-mulaw", "17 wav, 192 kHz": "wav-192k", "20 RF64": "rf64", "20 W64": "w64",
    "21 AIFF": "aiff", "21 CAF": "caf", "21 AMR": "amr", "21 3GP": "3gp",
    "22 m4a, index at the end": "m4a",
}  # fmt: skip
#: number and name, the bytes, what is expected
TABLE: dict[str, tuple[Callable[[], bytes], Expected]] = {
    "1 nothing": (lambda: b"", EMPTY),
    "2 one byte": (lambda: b"O", UNKNOWN),
    "2 zeros": (lambda: bytes(10_000), UNKNOWN),
    "2 random": (lambda: audio_samples.noise(1), UNKNOWN),
    "2 text": (lambda: b"hello, how are you? " * 50, UNKNOWN),
    "3 header only, ogg": (lambda: file("ogg-opus")[:4], DAMAGED),
    "3 header only, ogg page": (lambda: crafted.ogg_pages(file("ogg-opus"))[0], DAMAGED),
    "3 header only, wav": (lambda: file("wav")[:44], DAMAGED),
    "3 header only, flac": (lambda: file("flac")[:42], DAMAGED),
    "3 header only, m4a": (lambda: file("m4a")[:40], DAMAGED),
    "3 header only, webm": (lambda: file("webm")[:60], DAMAGED),
    "3 header only, id3": (lambda: b"ID3\x04\0\0\0\0\x7f\x7f", UNKNOWN),
    "4 half an ogg": (lambda: file("ogg-opus", speech(10))[:40_000], 5.0),
    "4 half an mp3": (lambda: file("mp3", speech(10))[:40_000], 5.0),
    "4 half a flac": (lambda: file("flac", speech(10))[:150_000], 5.0),
    "4 half a wav": (lambda: file("wav", speech(10))[:441_044], 5.0),
    "4 half a webm": (lambda: file("webm", speech(10))[:40_000], 5.0),
    "4 half an m4a, its index lost": (lambda: file("m4a", speech(10))[:40_000], DAMAGED),
    "5 ogg with a bad page": (bad_crc, 8.0),
    "6 chained": (chained, 6.0),
    "6 chained, then stereo": (lambda: chained("stereo"), 6.0),
    "8 opus, 255 channels": (lambda: odd_opus(255, 255), UNSUPPORTED_CODEC),
    "8 opus, 0 channels": (lambda: odd_opus(0, 0), UNSUPPORTED_CODEC),
    "8 opus, 9 channels": (lambda: odd_opus(9, 255), UNSUPPORTED_CODEC),
    "9 webm with video": (lambda: video("webm", 320, 240, codec="libopus", rate=48_000), 3.0),
    "10 mp3 with a cover of 10 MB": (lambda: cover(10_000_000) + file("mp3"), 3.0),
    "10 mp3, 200,000 tags": (lambda: many_id3_frames(200_000), 3.0),
    "10 only a tag": (lambda: cover(100_000), UNKNOWN),
    "10 tags in tags": (lambda: cover(100) * 1000 + file("mp3"), 3.0),
    "11 mp3, wrong Xing length": (xing_lies, 3.0),
    "12 mp3, free bit rate": (free_bitrate, DAMAGED),
    "13 wav, size 0xFFFFFFFF": (lambda: wav(speech(3), data_size=0xFFFFFFFF), 3.0),
    "13 wav, size 0x7FFFFFFF": (lambda: wav(speech(3), data_size=0x7FFFFFFF), 3.0),
    "14 wav, size 0": (lambda: wav(speech(3), data_size=0, riff_size=0), 3.0),
    "15 floats NaN": (lambda: floats(float("nan")), 0.25),
    "15 floats Inf": (lambda: floats(float("inf"), -float("inf"), 1e38, 0.1), 1.0),
    "16 wav, ADPCM": (lambda: file("wav-adpcm"), 3.05),
    "16 wav, 0 bits": (lambda: wav(speech(1), bits=0), UNSUPPORTED_CODEC),
    "16 wav, unknown tag": (lambda: wav(speech(1), tag=0x4242), UNSUPPORTED_CODEC),
    "17 wav, 400 kHz": (lambda: wav(speech(3), rate=400_000), UNSUPPORTED_CODEC),
    "18 wav, 1 Hz": (lambda: wav(speech(3), rate=1), UNSUPPORTED_CODEC),
    "18 wav, 0 Hz": (lambda: wav(speech(3), rate=0), DAMAGED),
    "18 flac, 1 Hz": (lambda: crafted.silent_flac(2, rate=1), UNSUPPORTED_CODEC),
    "18 flac, 2 Hz": (lambda: crafted.silent_flac(2, rate=2), UNSUPPORTED_CODEC),
    "19 wav, 0 channels": (lambda: wav(speech(1), channels=0), UNSUPPORTED_CODEC),
    "19 wav, 255 channels": (lambda: wav(speech(3), channels=255), UNSUPPORTED_CODEC),
    "21 AMR-WB": (lambda: b"#!AMR-WB\n" + b"\x7c" * 100, 2.0),
    "21 WMA": (lambda: bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c") + bytes(5000), UNKNOWN),
    "21 APE": (lambda: b"MAC \x96\x0f" + bytes(5000), UNKNOWN),
    "23 m4a, fragmented": (lambda: file("m4a-fragmented"), 3.04),
    "25 flac, 10 h of silence": (lambda: crafted.silent_flac(26_000), TooLong),
    "25 flac, 5 minutes of 8 channels": (lambda: crafted.silent_flac(220, channels=8), 300.4),
    "28 SVG": (lambda: b'<svg><image href="file:///etc/passwd"/></svg>', UNKNOWN),
    "28 PDF": (lambda: b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n" * 20, UNKNOWN),
    "28 ZIP": (lambda: zipped("a.ogg", file("ogg-opus")), UNKNOWN),
    "28 HTML": (lambda: b"<!doctype html><title>x</title>" + b"<p>" * 1000, UNKNOWN),
    "28 EXE": (lambda: b"MZ\x90\0\3\0\0\0\4\0\0\0\xff\xff\0\0" + bytes(2000), UNKNOWN),
    "28 ELF": (lambda: Path("/proc/self/exe").read_bytes()[:100_000], UNKNOWN),
    "29 mp3 and ZIP": (lambda: file("mp3") + zipped("evil.sh", b"rm -rf /"), 3.0),
    "30 JPEG": (lambda: b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0" + bytes(500), UNKNOWN),
    "30 PNG": (lambda: b"\x89PNG\r\n\x1a\n" + bytes(500), UNKNOWN),
    "30 GIF": (lambda: b"GIF89a" + bytes(500), UNKNOWN),
    "31 round video": (lambda: video("mp4", 384, 384), 3.0),
    "32 video of 4K": (lambda: video("mp4", 3840, 2160), 3.0),
    "33 video without sound": (lambda: encode(b"", "mp4", "aac", video=(320, 240)), NO_AUDIO),
    "34 silence": (lambda: file("ogg-opus", audio_samples.silence(60)), 60.0),
    "37 10 ms": (lambda: wav(speech(0.01)), 0.01),
    "37 one sample": (lambda: wav(b"\1\0"), 0.0),
    "37 no sample": (lambda: wav(b""), NO_AUDIO),
    "38 10 h of silent opus": (lambda: crafted.silent_opus(10), TooLong),
    "39 30 s of opus that claim 10 h": (lambda: crafted.silent_opus(1 / 120, 36_000.0), 30.0),
    "43 encrypted m4a": (crafted.encrypted_m4a, PROTECTED),
    "44 two sound tracks": (lambda: encode(speech(3), "mp4", "aac", rate=44_100, copies=2), 3.0),
    "45 clipped, with offset": (with_offset, 3.0),
    "46 ultrasound": (lambda: encode(audio_samples.tone(3, 7000), "wav", "pcm_s16le"), 3.0),
    **{name: (partial(file, kind), 3.0) for name, kind in WHOLE.items()},
}  # fmt: skip
