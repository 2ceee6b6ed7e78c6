"""`Media`: every format, the limits of engines, many files at once, and workers that die."""

from __future__ import annotations

import asyncio
import io
import wave
from contextlib import aclosing
from itertools import accumulate

import psutil
import pytest

from core.audio import Media, Piece, read_ahead
from core.audio.segment import audioop
from core.interfaces import TranscriberLimits
from core.store import Store
from core.worker_process import WorkerMissing
from tests.support import audio_samples, crafted
from tests.support.audio_samples import KINDS, decode, file, silence, speech, wav

pytestmark = pytest.mark.asyncio(loop_scope="module")

#: Engines as they are: MiMo takes 10 MB in base64, the offline one short pieces.
MIMO = TranscriberLimits(formats=("wav", "mp3"), max_bytes=7_500_000)
LOCAL = TranscriberLimits(max_piece_s=30, target_piece_s=15, concurrency=2)


async def hear(
    media: Media, data: bytes, limits: TranscriberLimits = MIMO, hint_s: float | None = None
) -> list[Piece]:
    return [piece async for piece in media.pieces(data, limits, hint_s=hint_s)]


def samples(pieces: list[Piece]) -> bytes:
    found = b""
    for piece in pieces:
        with wave.open(io.BytesIO(piece.audio.data)) as one:
            assert (one.getnchannels(), one.getsampwidth(), one.getframerate()) == (1, 2, 16_000)
            assert one.getnframes() / 16_000 == piece.audio.duration_s
            found += one.readframes(one.getnframes())
    return found


@pytest.mark.parametrize("kind", KINDS)
async def test_formats(media: Media, kind: str) -> None:
    """Every format gives the decoder's output as one piece."""
    data = file(kind)
    pieces = await hear(media, data)
    assert [(p.index, p.audio.mime, p.has_speech, p.is_forced) for p in pieces] == [
        (0, "audio/wav", True, False)
    ]
    assert samples(pieces) == decode(data)


@pytest.mark.finding(7)
@pytest.mark.parametrize("kinds", [("ogg-opus", "ogg-vorbis"), ("ogg-flac", "ogg-opus")])
async def test_joined_ogg_files_are_heard_to_the_end(media: Media, kinds: tuple[str, ...]) -> None:
    first, second = (file(kind, speech(6)) for kind in kinds)
    # A third one whose end is missing, and a fourth that is nothing but its beginning.
    data = first + second + first[: len(first) // 2] + second[:200]
    pieces = await hear(media, data)
    assert sum(piece.audio.duration_s for piece in pieces) == pytest.approx(15.0, abs=1.1)
    heard = samples(pieces)
    for at, one in ((0, first), (6 * 32_000, second)):
        alone = decode(one)[:160_000]
        assert audioop.rms(audioop.add(heard[at : at + 160_000], alone, 2), 2) > (
            1.9 * audioop.rms(alone, 2)
        )


async def test_a_chained_file_is_planned_by_its_whole_length(media: Media) -> None:
    """With the length of its last part alone it would be one piece."""
    pieces = await hear(media, file("ogg-opus", speech(60)) + file("ogg-opus"), MIMO)
    assert pieces[0].recording_s == pytest.approx(63.0, abs=0.1) and len(pieces) > 1


async def test_stereo_keeps_the_level(media: Media) -> None:
    pcm = speech(3)
    both = b"".join(pcm[i : i + 2] * 2 for i in range(0, len(pcm), 2))
    [piece] = await hear(media, wav(both, channels=2))
    assert piece.audio.data[44:] == pcm


async def test_resampling_has_no_aliasing(media: Media) -> None:
    """A tone of 11 kHz is gone at 16 kHz; resampling without a filter makes it 5 kHz."""
    data = wav(audio_samples.tone(2, 11_000, rate_hz=48_000), rate=48_000)
    [piece] = await hear(media, data)
    middle = audio_samples.unpack(piece.audio.data[44 + 8000 : -8000])
    assert max(abs(value) for value in middle) < 30
    assert not piece.has_speech


async def test_long_recording_is_cut_and_nothing_is_lost(media: Media) -> None:
    data = wav(speech(150))
    pieces = await hear(media, data)
    assert samples(pieces) == data[44:]
    assert len(pieces) == 8
    assert all(10 < piece.audio.duration_s < 30 for piece in pieces)
    assert all(piece.has_speech for piece in pieces)
    assert [piece.index for piece in pieces] == [*range(8)]
    ends = [*accumulate(piece.audio.duration_s for piece in pieces)]
    assert [piece.start_s for piece in pieces] == pytest.approx([0.0, *ends[:-1]])


@pytest.mark.parametrize("hint_s", [None, 1800.0, 20.0])
async def test_hints_may_be_wrong(media: Media, hint_s: float | None) -> None:
    """A stream has no length; what the platform claims is only a hint."""
    data = file("aac", speech(20)) * 2
    pieces = await hear(media, data, LOCAL, hint_s)
    assert samples(pieces) == decode(data)
    assert all(piece.audio.duration_s <= 30 for piece in pieces)


@pytest.mark.parametrize(
    ("limits", "length_s"),
    [
        (LOCAL, 60),
        (TranscriberLimits(max_bytes=200_000), 30),
        (TranscriberLimits(max_bytes=60_000, formats=("mp3",)), 30),
        (TranscriberLimits(max_bytes=7_500_000, max_piece_s=3600, target_piece_s=3600), 100),
        (TranscriberLimits(max_piece_s=1, target_piece_s=1), 10),
    ],
)
async def test_limits_hold(media: Media, limits: TranscriberLimits, length_s: float) -> None:
    pieces = await hear(media, wav(speech(length_s)), limits)
    assert all(len(piece.audio.data) <= limits.max_bytes for piece in pieces)
    assert all(piece.audio.duration_s <= limits.max_piece_s for piece in pieces)
    assert sum(piece.audio.duration_s for piece in pieces) == pytest.approx(length_s)


async def test_mp3_for_engines_that_accept_only_it(media: Media) -> None:
    limits = TranscriberLimits(formats=("mp3", "wav"), target_piece_s=8)
    pieces = await hear(media, wav(speech(20)), limits)
    assert len(pieces) > 1
    assert all(piece.audio.mime == "audio/mpeg" for piece in pieces)
    assert all(len(piece.audio.data) < piece.audio.duration_s * 8_100 + 2000 for piece in pieces)
    for piece in pieces:
        size = piece.audio.duration_s * 32_000
        assert len(decode(piece.audio.data)) == pytest.approx(size, abs=8000)


async def test_short_speech_in_long_silence_is_found(media: Media) -> None:
    pcm = silence(50) + speech(1) + silence(50)
    pieces = await hear(media, wav(pcm))
    [spoken] = [piece for piece in pieces if piece.has_speech]
    assert spoken.start_s <= 51 and spoken.start_s + spoken.audio.duration_s >= 50


@pytest.mark.parametrize("format", ["wav", "mp3", "ogg"])
async def test_convert(media: Media, format: str) -> None:
    audio = await media.convert(file("ogg-opus"), format)  # type: ignore[arg-type]
    assert audio.duration_s == 3.0
    assert audio.mime == {"wav": "audio/wav", "mp3": "audio/mpeg", "ogg": "audio/ogg"}[format]
    assert len(decode(audio.data)) == pytest.approx(96_000, abs=2000)


async def test_many_at_once_do_not_mix(media: Media) -> None:
    notes = [file("ogg-opus", speech(length_s)) for length_s in (1, 2, 3)] * 2
    found = await asyncio.gather(*(hear(media, note) for note in notes))
    assert [samples(pieces) for pieces in found] == [*map(decode, notes)]


async def test_long_recording_needs_little_memory_in_the_worker() -> None:
    media = Media(workers=1)
    before = set(psutil.Process().children())
    await media.warm_up()
    [worker] = set(psutil.Process().children()) - before
    note = audio_samples.encode(speech(400), "flac", "flac")
    total_s, peak = 0.0, 0
    async with aclosing(media.pieces(note, MIMO)) as pieces:
        async for piece in pieces:
            total_s += piece.audio.duration_s
            peak = max(peak, worker.memory_info().rss)
    await media.close()
    assert total_s == pytest.approx(400, abs=1)
    assert peak < 100 * 2**20


async def test_closing_is_not_the_fault_of_the_file() -> None:
    media = Media(workers=1)
    pieces = media.pieces(wav(speech(90)), MIMO)
    await anext(pieces)
    await media.close()
    with pytest.raises(WorkerMissing) as error:
        async for _ in pieces:
            pass
    assert error.value.is_retryable


async def test_a_short_note_does_not_wait_for_long_recordings(media: Media) -> None:
    hour = crafted.silent_opus(0.5)
    limits = TranscriberLimits(target_piece_s=20.0)
    slow = [media.pieces(hour, limits, hint_s=1800.0) for _ in range(2)]
    tasks = [asyncio.create_task(anext(pieces)) for pieces in slow]
    await tasks[0]  # its engine is busy: nobody asks for the second piece
    note = audio_samples.wav(audio_samples.speech(1.0))
    async with asyncio.timeout(10):
        assert [piece.index async for piece in media.pieces(note, limits)] == [0]
    assert not tasks[1].done()
    tasks[1].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for pieces in slow:
        await pieces.aclose()


@pytest.mark.parametrize("claimed_s", [None, 4.0])
async def test_a_long_recording_that_was_taken_for_short_is_whole(
    media: Media, claimed_s: float | None
) -> None:
    """The platform claims nothing of it, and the file nothing or something false."""
    recording = crafted.silent_opus(0.06, claimed_s)
    assert len(recording) < 2**20
    times = [
        [(one.start_s, one.audio.duration_s) for one in await hear(media, recording, hint_s=hint_s)]
        for hint_s in (None, 216.0)
    ]
    assert times[0] == times[1]
    assert sum(length_s for _, length_s in times[0]) == pytest.approx(216.0, abs=2.0)


async def test_decoders_go_on_for_others_and_only_for_them(store: Store) -> None:
    """What they have decoded by then is stored; of who waits for nobody nothing is."""
    media = Media(workers=2, begin=store.recordings.begin)
    talks = [wav(speech(130.0 + number)) for number in range(2)]
    limits = TranscriberLimits(target_piece_s=20.0)
    alone = [samples(await hear(media, talk, limits)) for talk in talks]
    assert await store.recordings.sweep() == 0

    slow = media.pieces(talks[0], limits)
    found = [await anext(slow)]  # its engine is busy: nobody asks for the second piece
    async with asyncio.timeout(20):
        assert samples(await hear(media, talks[1], limits)) == alone[1]
    found += [piece async for piece in slow]
    assert samples(found) == alone[0]
    await slow.aclose()
    await media.close()
    assert await store.recordings.sweep() > 0


async def test_not_more_is_stored_than_there_is_room_for(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read_ahead, "_MOST_STORED_BYTES", 1)
    media = Media(workers=2, begin=store.recordings.begin)
    limits = TranscriberLimits(target_piece_s=20.0)
    slow = [media.pieces(wav(speech(130.0 + number)), limits) for number in range(2)]
    first = await anext(slow[0])
    waiting = asyncio.create_task(anext(slow[1]))
    note = wav(speech(1.0))
    assert len(await hear(media, note, limits)) == 1
    assert not waiting.done(), "a piece is stored, and then the decoder waits"
    rest = [piece async for piece in slow[0]]
    assert first.index == 0 and [piece.index for piece in rest] == [*range(1, len(rest) + 1)]
    assert (await waiting).index == 0
    for pieces in slow:
        await pieces.aclose()
    await media.close()


async def test_recordings_that_claim_to_be_short_hold_no_decoder_while_their_engine_is_busy(
    store: Store,
) -> None:
    media = Media(workers=2, begin=store.recordings.begin)
    limits = TranscriberLimits(target_piece_s=20.0)
    recording = crafted.silent_opus(0.2)
    slow = [media.pieces(recording, limits, hint_s=hint_s) for hint_s in (None, 4.0)]
    async with asyncio.timeout(20):
        for pieces in slow:
            assert (await anext(pieces)).index == 0
        for _ in range(3):
            assert len(await hear(media, wav(speech(1.0)), limits)) == 1
    for pieces in slow:
        await pieces.aclose()
    await media.close()
