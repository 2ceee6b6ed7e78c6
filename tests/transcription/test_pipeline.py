"""From pieces to a transcript: order, what is paid for, failures, and what is kept."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from prometheus_client import REGISTRY

from core.audio import Media, Piece
from core.clock import Clock
from core.errors import BadAudio, EngineBusy
from core.interfaces import TranscriberLimits
from core.models import Audio, Segment, Transcript
from core.store import Store
from core.transcription.pipeline import TranscriptionPipeline, join_texts, stitch
from tests.support import sounds
from tests.support.loopback import ScriptedEngine
from tests.support.thread_media import ThreadMedia

LIMITS = TranscriberLimits(concurrency=2)
#: Of every piece below.
PIECE_S = 10.0


def piece(index: int, text: str = "", duration_s: float = PIECE_S, **changes: Any) -> Piece:
    """Return a piece in which `text` is said; none is silence."""
    audio = Audio(text.encode(), "audio/wav", duration_s)
    marks = {"has_speech": bool(text), "is_forced": False, **changes}
    return Piece(index, index * PIECE_S, audio, **marks)


class FewPieces(Media):
    """Gives pieces that are made up: the words of a text, silence where it has a "-"."""

    def __init__(self) -> None:
        super().__init__()
        self.given = 0
        self.hints: list[float | None] = []
        self.warmed: list[int | None] = []

    async def pieces(
        self, data: bytes, limits: TranscriberLimits, *, hint_s: float | None = None
    ) -> AsyncGenerator[Piece, None]:
        self.hints.append(hint_s)
        for index, word in enumerate(data.decode().split()):
            if word == "damaged":
                raise BadAudio
            if word == "...":
                await asyncio.sleep(2)
                continue
            self.given += 1
            yield piece(index, "" if word == "-" else word)

    async def warm_up(self, count: int | None = None) -> None:
        self.warmed.append(count)


class Listener(ScriptedEngine):
    """Hears the word that a piece is made of, after a time that is given for it."""

    def __init__(self) -> None:
        super().__init__(LIMITS)
        self.latencies_s: dict[str, float] = {}
        self.fails: set[str] = set()
        self.heard: list[str] = []
        self.cancelled: list[str] = []

    async def transcribe(
        self,
        audio: Audio,
        *,
        language: str | None = None,
        on_text: Callable[[str], None] | None = None,
        temperature: float | None = None,
    ) -> Transcript:
        word = audio.data.decode()
        self.heard.append(word)
        if on_text:
            on_text(word[:1])
        try:
            await asyncio.sleep(self.latencies_s.get(word, 1.0))
        except asyncio.CancelledError:
            await asyncio.sleep(0.1)  # a connection is closed
            self.cancelled.append(word)
            raise
        if word in self.fails:
            raise EngineBusy("503")
        return Transcript(word, duration_s=audio.duration_s)


class Ears:
    """`TranscriptionPipeline` with the two above."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self.media, self.engine = FewPieces(), Listener()
        self.transcription = TranscriptionPipeline(self.media, self.engine, store.results, clock)

    async def transcribe(self, words: str, **options: Any) -> str:
        return (await self.transcription.transcribe(words.encode(), **options)).transcript.text


@pytest.fixture
async def ears(store: Store, clock: Clock) -> Ears:
    return Ears(store, clock)


async def test_pieces_are_heard_side_by_side_and_stitched_in_order(
    ears: Ears, clock: Clock
) -> None:
    ears.engine.latencies_s = {"one": 5.0, "two": 1.0, "three": 1.0, "four": 4.0}
    texts: list[str] = []
    started_s = clock.monotonic()
    heard = await ears.transcription.transcribe(
        b"one two - three four", on_text=texts.append, hint_s=7.0
    )
    assert clock.monotonic() - started_s == pytest.approx(6.0), "two at once, as the engine allows"
    assert heard.transcript.text == "one two three four"
    starts = [(s.start_s, s.end_s, s.text) for s in heard.transcript.segments]
    assert starts == [(0, 10, "one"), (10, 20, "two"), (30, 40, "three"), (40, 50, "four")]
    assert (heard.transcript.duration_s, ears.media.hints) == (50.0, [7.0])
    # Only what follows on is shown: what comes first, and the start of the next.
    shown = list(dict.fromkeys(texts))
    assert shown == ["o", "one two three f", "one two three four"]


async def test_no_more_pieces_are_held_than_calls_are_under_way(ears: Ears, clock: Clock) -> None:
    task = asyncio.create_task(ears.transcribe("a b c d e f"))
    await clock.sleep(0.5)
    assert (ears.engine.heard, ears.media.given) == (["a", "b"], 3)
    await task
    assert ears.media.given == 6


async def test_after_a_failure_nothing_more_is_begun_and_what_was_paid_for_is_kept(
    ears: Ears, clock: Clock
) -> None:
    ears.engine.fails, ears.engine.latencies_s = {"b"}, {"a": 9.0}
    with pytest.raises(EngineBusy):
        await ears.transcribe("a b c d e f")
    assert (await ears.transcription.gate.state()).failed_at == clock.now() - timedelta(seconds=8)
    # One more may have begun in the failed one's place; "a", under way, came to its end.
    assert ears.engine.heard == ["a", "b", "c"] and ears.engine.cancelled == []
    ears.engine.fails = set()
    assert await ears.transcribe("a b c d e f") == "a b c d e f"
    assert ears.engine.heard == ["a", "b", "c", "b", "d", "e", "f"]
    assert await ears.transcribe("a b c d e f") == "a b c d e f"
    assert len(ears.engine.heard) == 7, "the whole is kept too"
    assert ears.media.given == 3 + 6, "not even the sound is read again"
    assert await has_free_places(ears)


async def has_free_places(ears: Ears) -> bool:
    """Tell whether as many calls as ever may begin."""
    try:
        async with asyncio.timeout(1):
            for _ in range(LIMITS.concurrency):
                await ears.transcription.gate.slots.acquire()
    except TimeoutError:
        return False
    return True


@pytest.mark.parametrize("end", ["damaged", "... damaged", "cancelled"])
async def test_what_cannot_be_finished_is_broken_off(ears: Ears, clock: Clock, end: str) -> None:
    ears.engine.latencies_s = {"a": 60.0}
    task = asyncio.create_task(ears.transcribe(f"a {end} c"))
    if end == "cancelled":
        await clock.sleep(5)
        task.cancel()
    with pytest.raises(asyncio.CancelledError if end == "cancelled" else BadAudio):
        await task
    if end != "damaged":  # where it had begun
        assert "a" in ears.engine.cancelled, "its result would be for nobody"
    assert await has_free_places(ears)


async def test_another_language_model_or_temperature_is_another_result(ears: Ears) -> None:
    ways: list[dict[str, Any]] = [{}, {"language": "en"}, {"temperature": 0.5}]
    ways += [{"language": "en", "temperature": 0.5}, {"temperature": 0.0}]
    keys = [(await ears.transcription.transcribe(b"a", **way)).key for way in ways]
    ears.engine.model = "scripted-2"
    keys.append((await ears.transcription.transcribe(b"a")).key)
    assert len(set(keys)) == len(ears.engine.heard) == 6
    assert [(await ears.transcription.transcribe(b"a")).key] == keys[-1:] and len(
        ears.engine.heard
    ) == 6
    # Another key would have all that is kept paid for once more.
    base = f"{hashlib.sha256(b'a').hexdigest()}|scripted|scripted-1|"
    wanted = [f"{base}{way}|all" for way in ("auto", "en", "auto|0.5", "en|0.5", "auto|0")]
    assert keys[:5] == [hashlib.sha256(key.encode()).hexdigest() for key in wanted]
    # The same pieces of another recording are other ones.
    await ears.transcribe("a b")
    assert ears.engine.heard[6:] == ["a", "b"]


async def test_the_gate_counts_the_length_of_each_piece_and_knows_the_recording(
    ears: Ears, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed: list[tuple[float, str]] = []

    @asynccontextmanager
    async def call(duration_s: float, sound: str = "") -> AsyncIterator[None]:
        passed.append((duration_s, sound))
        yield

    monkeypatch.setattr(ears.transcription.gate, "call", call)
    labels = {"engine": "scripted"}
    name = "hearsay_engine_audio_seconds_total"
    before = REGISTRY.get_sample_value(name, labels) or 0.0
    first, second = (
        await ears.transcription.transcribe(b"a - b"),
        await ears.transcription.transcribe(b"c"),
    )
    assert passed == [(PIECE_S, first.key)] * 2 + [(PIECE_S, second.key)]
    after = REGISTRY.get_sample_value(name, labels) or 0.0
    assert after - before == pytest.approx(3 * PIECE_S)


async def test_what_is_said_to_the_engine(ears: Ears, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    async def transcribe(audio: Audio, **options: Any) -> Transcript:
        asked.append(options)
        return Transcript("x")

    monkeypatch.setattr(ears.engine, "transcribe", transcribe)
    await ears.transcription.warm_up()
    assert ears.media.warmed == [1], "one child is started before anybody speaks"
    await ears.transcribe("a", language="de", temperature=0.5)
    assert asked == [{"language": "de", "temperature": 0.5, "on_text": None}]


async def test_a_real_recording_from_its_file_to_its_end(store: Store, clock: Clock) -> None:
    """Cut where nobody speaks; minutes of silence are not sent."""
    engine = ScriptedEngine(TranscriberLimits(target_piece_s=20.0))
    transcription = TranscriptionPipeline(ThreadMedia(), engine, store.results, clock)
    quiet = sounds.silence(60.0)
    sound = sounds.wav(sounds.speech(20.0) + quiet + sounds.speech(20.0))
    transcript = (await transcription.transcribe(sound)).transcript
    assert transcript.duration_s == pytest.approx(100.0, abs=0.1)
    assert 40 <= sum(engine.calls) <= 80 and transcript.pauses
    converted = await transcription.convert(sound)
    assert (converted.mime, converted.data[24:28]) == ("audio/wav", (24_000).to_bytes(4, "little"))
    excerpt = await transcription.excerpt(sound, 5.0, 8.0)
    assert (excerpt.name, excerpt.mime, excerpt.data[:4]) == ("excerpt.ogg", "audio/ogg", b"OggS")
    assert excerpt.duration_s == pytest.approx(3.0, abs=0.1) and excerpt.waveform
    with pytest.raises(BadAudio):
        await transcription.transcribe(b"no sound at all")


def test_an_engines_own_times_are_moved_to_where_the_piece_begins() -> None:
    own = Transcript("b c", (Segment(1.0, 2.0, "b "), Segment(2.0, 3.0, " "), Segment(3, 4, "c")))
    first = piece(0, pauses=((1.0, 2.0), (8.0, 9.5)))
    second = piece(1, duration_s=5.0, pauses=((0.5, 1.0),))
    whole = stitch([(first, Transcript("a")), (second, own)])
    moved = (Segment(11.0, 12.0, "b"), Segment(13.0, 14.0, "c"))
    assert whole.segments == (Segment(0.0, 10.0, "a"), *moved)
    assert (whole.text, whole.duration_s) == ("a b c", 15.0)
    assert whole.pauses == ((1.0, 2.0), (8.0, 9.5), (10.5, 11.0))


@pytest.mark.parametrize("flags", [(True, False), (False, True), (False, False)])
def test_one_cut_or_rough_piece_makes_the_whole_so(flags: tuple[bool, bool]) -> None:
    is_cut, is_rough = flags
    odd = Transcript("a", is_cut=is_cut, is_rough=is_rough)
    whole = stitch([(piece(0), odd), (piece(1), Transcript("b"))])
    assert (whole.is_cut, whole.is_rough) == flags


@pytest.mark.parametrize(
    ("texts", "joined"),
    [
        (["one", "two"], "one two"),
        (["one ", "", " two"], "one two"),
        (["今天天气", "很好。"], "今天天气很好。"),
        (["今天", "weather", "很好"], "今天 weather 很好"),
        (["はい。", "！ok"], "はい。！ok"),
        (["安\u9fff", "\uff00a"], "安\u9fff\uff00a"),
        (["a\uffef", "\u9fff"], "a\uffef\u9fff"),
        (["가", "나"], "가 나"),
        ([], ""),
    ],
)
def test_texts_are_joined_as_their_script_asks(texts: list[str], joined: str) -> None:
    assert join_texts(texts) == joined
