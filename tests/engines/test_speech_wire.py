"""WAV files, samples and tags of speech, without a network."""

from __future__ import annotations

import struct
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.engines.wire.speech import read_wav, split_samples, strip_tags
from core.errors import EngineBadReply
from tests.emulators.mimo.tones import make_wav

PCM = bytes(range(200))


def make(pcm: bytes = PCM, **fields: int) -> bytes:
    """Return a WAV with this header."""
    form = {"tag": 1, "channels": 1, "rate_hz": 24_000, "bits": 16, "size": len(pcm), **fields}
    tag, channels, rate_hz, bits, size = form.values()
    head = struct.pack("<HHIIHH", tag, channels, rate_hz, 48_000, 2, bits)
    data = b"data" + struct.pack("<I", size) + pcm
    return b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0" + head + data


def test_samples_of_a_wav_file() -> None:
    assert read_wav(make_wav(PCM, rate_hz=24_000), rate_hz=24_000) == PCM
    assert read_wav(make(), rate_hz=24_000) == PCM
    assert read_wav(make() + b"LIST\x04\0\0\0abcd", rate_hz=24_000) == PCM
    # The format named the long way, and a chunk of odd length before the sound.
    form = struct.pack("<HHIIHHHHIH14x", 0xFFFE, 1, 24_000, 48_000, 2, 16, 22, 16, 4, 1)
    long = b"RIFF\0\0\0\0WAVEfmt \x28\0\0\0" + form + b"LIST\x03\0\0\0abc\0" + make()[36:]
    assert read_wav(long, rate_hz=24_000) == PCM


@pytest.mark.parametrize("size", [0, 0x7FFF0000, 0x7FFFF000, 0x7FFFFFFF, 0xFFFFFFFF])
def test_unknown_length_means_all_that_follows(size: int) -> None:
    assert read_wav(make(size=size), rate_hz=24_000) == PCM


@pytest.mark.parametrize(
    ("wav", "reason"),
    [
        (b"", "not WAV"), (PCM, "not WAV"), (b"RIFF\0\0\0\0WAVE", "no samples"),
        (make()[:40], "no samples"), (make()[:44], "cut"), (make()[:-2], "cut"),
        (make(b""), "no samples"), (make(PCM[:-1]), "within a sample"),
        (make(PCM[:-1], size=0), "within a sample"), (make(tag=3, bits=32), "16-bit mono"),
        (make(bits=24), "16-bit mono"), (make(channels=2), "16-bit mono"),
        (make(channels=0), "16-bit mono"), (make(rate_hz=22_050), "22050 Hz instead of 24000"),
        (b"RIFF\0\0\0\0WAVEdata\x04\0\0\0abcd", "no samples"),
        (b"RIFF\0\0\0\0WAVEfmt \x02\0\0\0ab", "header is cut"),
    ],
)  # fmt: skip
def test_invalid_wav_is_an_error(wav: bytes, reason: str) -> None:
    with pytest.raises(EngineBadReply, match=reason):
        read_wav(wav, rate_hz=24_000)


@given(st.binary(max_size=120), st.integers(0, 60))
def test_arbitrary_bytes_raise_bad_reply_only(noise: bytes, at: int) -> None:
    for wav in (noise, make()[:at] + noise):
        with suppress(EngineBadReply):
            assert len(read_wav(wav, rate_hz=24_000)) % 2 == 0


@given(st.lists(st.binary(max_size=7)))
def test_samples_are_never_split(chunks: list[bytes]) -> None:
    made, odd = b"", b""
    for chunk in chunks:
        samples, odd = split_samples(odd + chunk)
        assert len(samples) % 2 == 0
        made += samples
    assert made + odd == b"".join(chunks) and len(odd) < 2


@pytest.mark.parametrize(
    ("text", "stripped"),
    [
        ("Hi there.", "Hi there."), ("[cough] Hi [long sigh] there. [laugh]", "Hi there."),
        (" <style>Happy</style>Hi.", "Hi."), ("Hi <style>x</style>", "Hi <style>x</style>"),
        ("Call me (if you can).", "Call me (if you can)."), ("a [b\nc]\nd", "a \nd"), ("[", "["),
    ],
)  # fmt: skip
def test_tags_are_removed(text: str, stripped: str) -> None:
    assert strip_tags(text) == stripped
