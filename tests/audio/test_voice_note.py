"""Encoding of speech while it streams in, and joining of its pieces."""

from __future__ import annotations

import asyncio
import gc
import io
import random
import threading
import time
from functools import cache
from itertools import groupby, pairwise

import av
import psutil
import pytest

from core.audio import voice_note
from core.audio.segment import VoiceSegment, audioop
from core.audio.voice_note import AI_NOTICE, MAX_NOTE_BYTES, SeamJoiner, VoiceNote, VoiceNoteEncoder
from core.errors import EngineBadReply
from tests.support.audio_samples import (
    decode,
    offset,
    pack,
    recording,
    silence,
    speech,
    tone,
    unpack,
)

RATE_HZ = 24_000


def tags(data: bytes) -> dict[str, str]:
    with av.open(io.BytesIO(data)) as container:
        return {**container.metadata, **container.streams.audio[0].metadata}


async def encode(pcm: bytes, step: int = 4801, rate_hz: int = RATE_HZ, **options: str) -> VoiceNote:
    """Encode in chunks of an odd length, as they come from a network."""
    encoder = VoiceNoteEncoder(rate_hz, **options)  # type: ignore[arg-type]
    for at in range(0, len(pcm), step):
        await encoder.feed(pcm[at : at + step])
    return await encoder.finish()


async def test_note_is_opus_as_telegram_requires() -> None:
    pcm = speech(5, RATE_HZ)
    note = await encode(pcm)
    with av.open(io.BytesIO(note.data)) as container:
        stream = container.streams.audio[0]
        assert container.format.name == "ogg"
        assert (stream.codec_context.name, stream.rate, stream.channels) == ("opus", 48_000, 1)
    assert note.mime == "audio/ogg"
    assert len(note.data) * 8 / note.duration_s == pytest.approx(32_000, rel=0.1)
    back = VoiceSegment.from_pcm(decode(note.data, RATE_HZ), RATE_HZ)
    assert back.dBFS == pytest.approx(VoiceSegment.from_pcm(pcm, RATE_HZ).dBFS, abs=1.5)


@pytest.mark.parametrize("format", ["ogg", "mp3", "wav"])
async def test_length_is_that_of_the_samples(format: str) -> None:
    for rate_hz in {"ogg": (8_000, 16_000, 22_050, 44_100)}.get(format, (24_000, 44_100)):
        pcm = speech(1.21, rate_hz)
        note = await encode(pcm, rate_hz=rate_hz, format=format)
        assert note.duration_s == len(pcm) / 2 / rate_hz
        back = decode(note.data, 48_000)
        assert len(back) / 2 / 48_000 == pytest.approx(note.duration_s, abs=0.001)


@pytest.mark.parametrize("format", ["ogg", "mp3", "wav"])
async def test_file_has_tags(format: str) -> None:
    made = await encode(speech(1, RATE_HZ), format=format, title="早安 é", comment="speaker-2, Mia")
    found = tags(made.data)
    assert found["comment"] == AI_NOTICE == "AI-generated speech"
    assert (found["title"], found["artist"]) == ("早安 é", "speaker-2, Mia")
    unnamed = tags((await encode(speech(1, RATE_HZ), format=format)).data)
    assert unnamed["comment"] == AI_NOTICE and not unnamed.keys() & {"title", "artist"}


async def test_wav_contains_the_samples() -> None:
    pcm = speech(0.5, RATE_HZ)
    note = await encode(pcm + b"x", step=1, format="wav")
    assert decode(note.data, RATE_HZ) == pcm
    assert note.mime == "audio/wav"


async def test_waveform_covers_the_whole_note() -> None:
    pcm = silence(0.5, RATE_HZ) + speech(9.5, RATE_HZ)
    note = await encode(pcm)
    assert note.waveform == VoiceSegment.from_pcm(pcm, RATE_HZ).waveform()
    assert (len(note.waveform), max(note.waveform), max(note.waveform[:5])) == (100, 255, 0)
    long = silence(15, 8000) + speech(15, 8000)
    wave = (await encode(long, rate_hz=8000, format="wav")).waveform
    assert (len(wave), max(wave[:127]), max(wave)) == (256, 0, 255)


async def test_shortest_notes() -> None:
    for seconds in (0.005, 0.03, 0.1):
        note = await encode(tone(0.1, rate_hz=RATE_HZ)[: int(RATE_HZ * seconds) * 2])
        assert len(note.waveform) == 1
        assert len(decode(note.data, RATE_HZ)) == int(RATE_HZ * seconds) * 2
    for nothing in (b"", b"x"):
        with pytest.raises(EngineBadReply):
            await encode(nothing)


async def test_half_a_sample_waits_for_its_other_half() -> None:
    encoder = VoiceNoteEncoder(RATE_HZ, format="wav")
    word = tone(0.2, rate_hz=RATE_HZ)
    await encoder.feed(word[:-1])
    await encoder.feed(word[-1:] + b"x")
    note = await encoder.finish()
    assert decode(note.data, RATE_HZ) == word
    assert note.duration_s == pytest.approx(0.2)


async def test_encoding_does_not_block_the_event_loop() -> None:
    encoder = VoiceNoteEncoder(RATE_HZ)
    task = asyncio.create_task(encoder.feed(speech(10, RATE_HZ)))
    for _ in range(3):
        await asyncio.sleep(0)
    assert not task.done()
    await task
    await encoder.finish()


async def test_long_note_gets_fewer_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    # A tenth of the room: it is the share of it that counts here.
    assert voice_note._SWITCH_BYTES == MAX_NOTE_BYTES - 15_000
    monkeypatch.setattr(voice_note, "_SWITCH_BYTES", 98_500)
    note = await encode(speech(28, 8000), 16_000, rate_hz=8000)
    assert 60_000 < len(note.data) < 100_000
    assert len(note.data) * 8 / note.duration_s == pytest.approx(24_000, rel=0.1)
    assert len(decode(note.data, 8000)) == 28 * 8000 * 2
    assert tags(note.data)["comment"] == AI_NOTICE


async def test_abandoned_note_leaves_no_threads() -> None:
    """Encoders have their own threads, and garbage collection would be too late."""
    await encode(speech(0.5, RATE_HZ))
    gc.collect()
    process = psutil.Process()

    def count() -> int:
        """Return how many threads are not Python's: it may add some to its pool."""
        return int(process.num_threads()) - threading.active_count()

    before = count()
    gc.disable()
    try:
        for _ in range(5):
            await VoiceNoteEncoder(RATE_HZ).feed(speech(0.5, RATE_HZ))
        end_s = time.monotonic() + 30
        while count() > before:
            assert time.monotonic() < end_s, count()
            time.sleep(0.01)  # threads of libav, which end whenever the system lets them
    finally:
        gc.enable()


def levels(pcm: bytes) -> list[bool]:
    """Return which frames of 10 ms are quiet, computed independently."""
    values, size = unpack(pcm), RATE_HZ // 100
    frames = (values[at : at + size] for at in range(0, len(values) - size, size))
    return [sum(v * v for v in f) / size - (sum(f) / size) ** 2 < 80**2 for f in frames]


def longest_silence_s(pcm: bytes) -> float:
    return max(len(list(run)) * is_quiet for is_quiet, run in groupby(levels(pcm))) / 100


def largest_jump(pcm: bytes) -> int:
    return max(abs(b - a) for a, b in pairwise(unpack(pcm)))


def shift(pcm: bytes, level: int) -> bytes:
    return bytes(audioop.add(pcm, offset(level, len(pcm)), 2))


def joined(pieces: list[bytes], draw: random.Random | None = None) -> list[bytes]:
    """Return the output for each piece, fed in chunks of any length."""
    joiner, out = SeamJoiner(RATE_HZ), []
    for piece in pieces:
        given, at = bytearray(), 0
        while at < len(piece):
            step = draw.randint(1, 9000) if draw else len(piece)
            given += joiner.feed(piece[at : at + step])
            at += step
        out.append(bytes(given + joiner.end_piece()))
    return out


@cache
def words() -> bytes:
    """Return speech without a pause: part of a recording between two loud frames."""
    pcm = decode(recording("sr_english.wav"), RATE_HZ)
    quiet = levels(pcm)
    runs = [run for run in _runs(quiet) if run[1] - run[0] > 10]
    first, end = max(runs, key=lambda run: run[1] - run[0])
    size = RATE_HZ // 100 * 2
    return pcm[first * size : end * size]


def _runs(quiet: list[bool]) -> list[tuple[int, int]]:
    edges = [0, *(i + 1 for i, (a, b) in enumerate(pairwise(quiet)) if a != b), len(quiet)]
    return [(a, b) for a, b in pairwise(edges) if not quiet[a]]


def test_pieces_join_without_gaps_and_clicks() -> None:
    draw, word = random.Random(1), words()
    pieces = []
    for _ in range(6):
        lead, tail = (silence(draw.uniform(0, 1.5), RATE_HZ) for _ in range(2))
        odd = b"x" * draw.randint(0, 1)
        pieces.append(shift(lead + word + tail, draw.randint(-900, 900)) + odd)
    parts = joined(pieces, draw)
    whole = b"".join(parts)
    assert longest_silence_s(whole) <= 0.3
    assert largest_jump(whole) <= largest_jump(word)
    # The seams themselves: 10 ms on each side.
    at = 0
    for part in parts[:-1]:
        at += len(part)
        assert largest_jump(whole[at - 480 : at + 480]) <= 100


def test_no_speech_is_lost() -> None:
    draw, word = random.Random(0), words()
    edges = [[silence(draw.uniform(0.2, 1), RATE_HZ) for _ in range(2)] for _ in range(6)]
    parts = joined([lead + word + tail for lead, tail in edges], draw)
    assert all(word in part for part in parts), "bit by bit: only silence was touched"
    sizes = [len(part) / 2 / RATE_HZ for part in parts]
    assert sizes == pytest.approx([len(word) / 2 / RATE_HZ + 0.24] * 6, abs=0.02)


def test_pieces_that_begin_and_end_in_a_word_lose_only_the_fade() -> None:
    word = words()
    first, second = joined([word, word])
    fade = RATE_HZ // 200 * 2
    assert len(first) == len(word)
    assert first[fade:-fade] == word[fade:-fade]
    pause = silence(0.18, RATE_HZ)
    assert second[: len(pause)] == pause
    assert second[len(pause) + fade : -fade] == word[fade:-fade]
    assert unpack(first)[0] == unpack(first)[-1] == 0


def test_silent_pieces_are_dropped() -> None:
    word, quiet = words(), pack([7, -7] * RATE_HZ)
    assert joined([shift(silence(1, RATE_HZ), 3000)]) == [b""], "an offset alone is no sound"
    pause = word + silence(2.0, RATE_HZ) + word
    assert len(joined([pause])[0]) == len(pause), "pauses inside a piece stay as they are"
    assert joined([quiet, b"", b"x", word, quiet, shift(quiet, 500), word])[:3] == [b""] * 3
    assert b"".join(joined([quiet, word, quiet, quiet, word])) == b"".join(joined([word, word]))


def test_buffered_samples_are_bounded() -> None:
    joiner = SeamJoiner(RATE_HZ)
    joiner.feed(words())
    for _ in range(60):
        joiner.feed(silence(1, RATE_HZ))
    assert len(joiner._held) + len(joiner._rest) <= 11 * RATE_HZ * 2
    out = joiner.feed(words()) + joiner.end_piece()
    assert longest_silence_s(out) == pytest.approx(10, abs=0.1)


def test_speech_is_returned_at_once() -> None:
    joiner, word = SeamJoiner(RATE_HZ), words()
    given = joiner.feed(word)
    assert len(word) - len(given) <= RATE_HZ // 100 * 2 * 3
