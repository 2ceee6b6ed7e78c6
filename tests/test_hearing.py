from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import pairwise

import pytest

from core.audio import Media, Piece
from core.errors import BadAudio, EngineBusy
from core.hearing import Hearing, join_texts, stitch
from core.interfaces import TranscriberLimits
from core.models import Audio, Segment, Transcript
from core.store import Store
from tests.support import sounds
from tests.support.loopback import ScriptedEngine


@pytest.fixture
async def media() -> AsyncIterator[Media]:
    media = Media(workers=1)
    yield media
    await media.close()


@pytest.fixture(scope="session")
def three_minutes() -> bytes:
    return sounds.file("ogg-opus", sounds.speech(180.0))


def make(store: Store, media: Media) -> tuple[Hearing, ScriptedEngine]:
    engine = ScriptedEngine(TranscriberLimits(target_piece_s=20.0, concurrency=4))
    return Hearing(media, engine, store.results), engine


async def test_a_long_recording_is_heard_in_pieces_and_stitched_in_order(
    store: Store, media: Media, three_minutes: bytes
) -> None:
    hearing, engine = make(store, media)
    engine.latency_s = 1.0  # longer than a busy machine takes to decode the next piece
    texts: list[str] = []
    transcript = (await hearing.hear(three_minutes, on_text=texts.append)).transcript
    assert len(engine.calls) >= 6
    assert 2 <= engine.most_at_once <= 4
    assert transcript.duration_s == pytest.approx(180.0, abs=0.1)
    starts = [segment.start_s for segment in transcript.segments]
    assert starts == sorted(starts) and starts[0] == 0.0
    for one, next_one in pairwise(transcript.segments):
        assert one.end_s == pytest.approx(next_one.start_s, abs=0.01)
    assert texts[-1] == transcript.text
    assert all(len(a) <= len(b) for a, b in pairwise(texts))


async def test_after_a_failure_only_what_is_missing_is_paid_for(
    store: Store, media: Media, three_minutes: bytes
) -> None:
    hearing, engine = make(store, media)
    engine.failures = [None, None, EngineBusy("503")]
    with pytest.raises(EngineBusy):
        await hearing.hear(three_minutes)
    heard = len(engine.calls) - 1
    assert heard >= 2
    transcript = (await hearing.hear(three_minutes)).transcript
    assert len(engine.calls) == len(transcript.segments) + 1
    before = len(engine.calls)
    assert (await hearing.hear(three_minutes)).transcript.text == transcript.text
    assert len(engine.calls) == before, "the whole is kept too"


async def test_another_language_is_another_result(store: Store, media: Media) -> None:
    hearing, engine = make(store, media)
    sound = sounds.wav(sounds.speech(2.0))
    first, second = await hearing.hear(sound), await hearing.hear(sound, language="en")
    assert first.key != second.key and len(engine.calls) == 2


async def test_quiet_pieces_are_not_sent(store: Store, media: Media) -> None:
    hearing, engine = make(store, media)
    quiet = sounds.silence(60.0)
    sound = sounds.wav(sounds.speech(20.0) + quiet + sounds.speech(20.0))
    transcript = (await hearing.hear(sound)).transcript
    assert transcript.duration_s == pytest.approx(100.0, abs=0.1)
    assert sum(engine.calls) <= 80


async def test_what_is_no_sound_is_said_so(store: Store, media: Media) -> None:
    hearing, engine = make(store, media)
    with pytest.raises(BadAudio):
        await hearing.hear(b"no sound at all")
    assert engine.calls == []


def piece(index: int, start_s: float, duration_s: float = 10.0) -> Piece:
    return Piece(index, start_s, Audio(b"", "audio/wav", duration_s), True, False)


def test_an_engines_own_times_are_moved_to_where_the_piece_begins() -> None:
    own = Transcript("b c", (Segment(1.0, 2.0, "b"), Segment(3.0, 4.0, "c")))
    whole = stitch([(piece(0, 0.0), Transcript("a")), (piece(1, 10.0), own)])
    assert whole.segments == (
        Segment(0.0, 10.0, "a"),
        Segment(11.0, 12.0, "b"),
        Segment(13.0, 14.0, "c"),
    )
    assert (whole.text, whole.duration_s) == ("a b c", 20.0)


def test_one_cut_piece_cuts_the_whole() -> None:
    cut = stitch([(piece(0, 0.0), Transcript("a", is_cut=True)), (piece(1, 10.0), Transcript("b"))])
    assert cut.is_cut and not cut.is_rough


@pytest.mark.parametrize(
    ("texts", "joined"),
    [
        (["one", "two"], "one two"),
        (["one ", "", " two"], "one two"),
        (["今天天气", "很好。"], "今天天气很好。"),
        (["今天", "weather", "很好"], "今天 weather 很好"),
        ([], ""),
    ],
)
def test_texts_are_joined_as_their_script_asks(texts: list[str], joined: str) -> None:
    assert join_texts(texts) == joined
