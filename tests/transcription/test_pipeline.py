"""From pieces to a transcript: order, costs, failures and stored results."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY

from core.audio import Media, Piece
from core.clock import Clock
from core.errors import BadAudio, EngineBusy
from core.interfaces import OnText, TranscriberLimits
from core.limits.budgets import Budgets
from core.models import Audio, Segment, Transcript
from core.store import Store
from core.transcription.options import TranscriptionOptions as Options
from core.transcription.pipeline import TranscriptionPipeline, stitch
from tests.support import audio_samples
from tests.support.clean_start import ask_database
from tests.support.loopback import ScriptedTranscriber
from tests.support.thread_media import ThreadMedia

LIMITS = TranscriberLimits(concurrency=2)
#: Of every piece below.
PIECE_S = 10.0


def piece(index: int, text: str = "", duration_s: float = PIECE_S, **changes: Any) -> Piece:
    """Return a piece with `text` as its audio; empty is silence."""
    audio = Audio(text.encode(), "audio/wav", duration_s)
    marks = {"has_speech": bool(text), "is_forced": False, **changes}
    return Piece(index, index * PIECE_S, audio, **marks)


class WordMedia(Media):
    """Makes one piece per word, a silent one for "-"."""

    def __init__(self) -> None:
        super().__init__()
        self.given = 0
        self.hints: list[float | None] = []

    async def pieces(
        self, recording: Any, limits: TranscriberLimits, *, hint_s: Any = None, on_wait: Any = None
    ) -> AsyncGenerator[Piece, None]:
        self.hints.append(hint_s)
        for index, word in enumerate(recording.decode().split()):
            if word == "damaged":
                raise BadAudio
            if word == "...":
                await asyncio.sleep(2)
                continue
            self.given += 1
            yield piece(index, "" if word == "-" else word)


class WordTranscriber(ScriptedTranscriber):
    """Returns the word that a piece was made from, after a latency given for it."""

    def __init__(self) -> None:
        super().__init__(LIMITS)
        self.latencies_s: dict[str, float] = {}
        self.fails: set[str] = set()
        self.heard: list[str] = []
        self.cancelled: list[str] = []

    async def transcribe(
        self, audio: Audio, *, on_text: OnText | None = None, **_options: object
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


class PipelineSetup:
    """A `TranscriptionPipeline` with the two above."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self.media, self.engine = WordMedia(), WordTranscriber()
        shared = store.results, Budgets(store.budgets), clock
        self.transcription = TranscriptionPipeline(self.media, self.engine, *shared)

    async def transcribe(self, words: str, **options: Any) -> str:
        return (await self.transcription.transcribe(words.encode(), **options)).transcript.text


@pytest.fixture
async def setup(store: Store, clock: Clock) -> PipelineSetup:
    return PipelineSetup(store, clock)


async def test_pieces_are_transcribed_in_parallel_and_stitched_in_order(
    setup: PipelineSetup, clock: Clock
) -> None:
    setup.engine.latencies_s = {"one": 5.0, "two": 1.0, "three": 1.0, "four": 4.0}
    texts: list[str] = []
    started_s = clock.monotonic()
    stored = await setup.transcription.transcribe(
        b"one two - three four",
        on_progress=lambda progress: texts.append(progress.text),
        hint_s=7.0,
    )
    assert clock.monotonic() - started_s == pytest.approx(6.0), "two at once, as the engine allows"
    assert stored.transcript.text == "one two three four"
    starts = [(s.start_s, s.end_s, s.text) for s in stored.transcript.segments]
    assert starts == [(0, 10, "one"), (10, 20, "two"), (30, 40, "three"), (40, 50, "four")]
    assert (stored.transcript.duration_s, setup.media.hints) == (50.0, [7.0])
    # Only what follows on is shown: what comes first, and the start of the next. The whole text
    # comes with the reply.
    assert list(dict.fromkeys(texts)) == ["o", "one two three f"]


async def test_no_more_pieces_in_memory_than_calls_under_way(
    setup: PipelineSetup, clock: Clock
) -> None:
    task = asyncio.create_task(setup.transcribe("a b c d e f"))
    await clock.sleep(0.5)
    assert (setup.engine.heard, setup.media.given) == (["a", "b"], 3)
    await task
    assert setup.media.given == 6


async def test_failure_stops_new_calls_and_stores_paid_results(
    setup: PipelineSetup, clock: Clock
) -> None:
    setup.engine.fails, setup.engine.latencies_s = {"b"}, {"a": 9.0}
    with pytest.raises(EngineBusy):
        await setup.transcribe("a b c d e f")
    assert (await setup.transcription.gate.state()).failed_at == clock.now() - timedelta(seconds=8)
    # One more may have begun in the failed one's place; "a", under way, came to its end.
    assert setup.engine.heard == ["a", "b", "c"] and setup.engine.cancelled == []
    setup.engine.fails = set()
    assert await setup.transcribe("a b c d e f") == "a b c d e f"
    assert setup.engine.heard == ["a", "b", "c", "b", "d", "e", "f"]
    assert await setup.transcribe("a b c d e f") == "a b c d e f"
    assert len(setup.engine.heard) == 7, "the whole is kept too"
    assert setup.media.given == 3 + 6, "not even the sound is read again"
    assert await has_free_places(setup)


async def has_free_places(setup: PipelineSetup) -> bool:
    """Return True if as many calls may be made again as before."""
    try:
        async with asyncio.timeout(1), AsyncExitStack() as stack:
            for _ in range(LIMITS.concurrency):
                await stack.enter_async_context(setup.transcription.gate.call(1.0))
                await setup.transcription._piece_slots.acquire("")
    except TimeoutError:
        return False
    return True


@pytest.mark.parametrize("end", ["damaged", "... damaged", "cancelled"])
async def test_pieces_are_cancelled_if_the_recording_cannot_be_finished(
    setup: PipelineSetup, clock: Clock, end: str
) -> None:
    setup.engine.latencies_s = {"a": 60.0}
    task = asyncio.create_task(setup.transcribe(f"a {end} c"))
    if end == "cancelled":
        await clock.sleep(5)
        task.cancel()
    with pytest.raises(asyncio.CancelledError if end == "cancelled" else BadAudio):
        await task
    if end != "damaged":  # where it had begun
        assert "a" in setup.engine.cancelled, "its result would be for nobody"
    assert await has_free_places(setup)


async def test_language_model_and_temperature_are_part_of_the_key(setup: PipelineSetup) -> None:
    ways: list[dict[str, Any]] = [{}, {"language": "en"}, {"options": Options(0.5)}]
    ways += [{"language": "en", "options": Options(0.5)}, {"options": Options(0.0)}]
    keys = [(await setup.transcription.transcribe(b"a", **way)).key for way in ways]
    setup.engine.model = "scripted-2"
    keys.append((await setup.transcription.transcribe(b"a")).key)
    assert len(set(keys)) == len(setup.engine.heard) == 6
    assert [(await setup.transcription.transcribe(b"a")).key] == keys[-1:] and len(
        setup.engine.heard
    ) == 6
    # Another key would have all that is kept paid for once more.
    base = f"{hashlib.sha256(b'a').hexdigest()}||scripted|scripted-1|"
    wanted = [f"{base}{way}|all" for way in ("auto", "en", "auto|0.5", "en|0.5", "auto|0")]
    assert keys[:5] == [hashlib.sha256(key.encode()).hexdigest() for key in wanted]
    # The same pieces of another recording are other ones.
    await setup.transcribe("a b")
    assert setup.engine.heard[6:] == ["a", "b"]


async def test_the_gate_counts_the_length_of_each_piece_and_knows_the_recording(
    setup: PipelineSetup, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed: list[tuple[float, str]] = []

    @asynccontextmanager
    async def call(duration_s: float, sound: str = "", *_: object) -> AsyncIterator[None]:
        passed.append((duration_s, sound))
        yield

    monkeypatch.setattr(setup.transcription.gate, "call", call)
    labels = {"engine": "scripted"}
    name = "hearsay_engine_audio_seconds_total"
    before = REGISTRY.get_sample_value(name, labels) or 0.0
    first, second = (
        await setup.transcription.transcribe(b"a - b"),
        await setup.transcription.transcribe(b"c"),
    )
    assert passed == [(PIECE_S, first.key)] * 2 + [(PIECE_S, second.key)]
    after = REGISTRY.get_sample_value(name, labels) or 0.0
    assert after - before == pytest.approx(3 * PIECE_S)


async def test_arguments_passed_to_the_engine(
    setup: PipelineSetup, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    async def transcribe(audio: Audio, **options: Any) -> Transcript:
        asked.append(options)
        return Transcript("x")

    monkeypatch.setattr(setup.engine, "transcribe", transcribe)
    await setup.transcribe("a", language="de", options=Options(0.5))
    assert asked == [{"language": "de", "temperature": 0.5, "on_text": None}]


async def test_real_recording_from_file_to_transcript(store: Store, clock: Clock) -> None:
    """Recordings are cut at pauses, and long silence is not sent."""
    engine = ScriptedTranscriber(TranscriberLimits(target_piece_s=20.0))
    shared = store.results, Budgets(store.budgets), clock
    transcription = TranscriptionPipeline(ThreadMedia(), engine, *shared)
    quiet = audio_samples.silence(60.0)
    sound = audio_samples.wav(audio_samples.speech(20.0) + quiet + audio_samples.speech(20.0))
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


@pytest.mark.parametrize(("seconds", "rows"), [(4.0, 1), (30.0, 4)])
async def test_a_recording_of_one_piece_is_saved_once(
    store: Store, clock: Clock, tmp_path: Path, seconds: float, rows: int
) -> None:
    engine = ScriptedTranscriber(TranscriberLimits(target_piece_s=15.0))
    shared = store.results, Budgets(store.budgets), clock
    transcription = TranscriptionPipeline(ThreadMedia(), engine, *shared)
    sound = audio_samples.wav(audio_samples.speech(seconds))
    first = await transcription.transcribe(sound)
    assert ask_database(tmp_path, "SELECT count(*) FROM transcripts") == [(rows,)]
    assert len(engine.calls) == max(1, rows - 1)
    [spent] = await store.statistics.engine_usage(clock.now() - timedelta(1))
    assert spent.calls == len(engine.calls), "each call is booked, and none twice"
    assert await transcription.transcribe(sound) == first and spent.calls == len(engine.calls)


def test_segment_times_are_offset_by_the_piece() -> None:
    own = Transcript("b c", (Segment(1.0, 2.0, "b "), Segment(2.0, 3.0, " "), Segment(3, 4, "c")))
    first = piece(0, pauses=((1.0, 2.0), (8.0, 9.5)))
    second = piece(1, duration_s=5.0, pauses=((0.5, 1.0),))
    whole = stitch([(first, Transcript("a")), (second, own)])
    moved = (Segment(11.0, 12.0, "b"), Segment(13.0, 14.0, "c"))
    assert whole.segments == (Segment(0.0, 10.0, "a"), *moved)
    assert (whole.text, whole.duration_s) == ("a b c", 15.0)
    assert whole.pauses == ((1.0, 2.0), (8.0, 9.5), (10.5, 11.0))


@pytest.mark.parametrize("flags", [(True, False), (False, True), (False, False)])
def test_cut_or_rough_piece_marks_the_whole_transcript(flags: tuple[bool, bool]) -> None:
    is_cut, is_rough = flags
    odd = Transcript("a", is_cut=is_cut, is_rough=is_rough)
    whole = stitch([(piece(0), odd), (piece(1), Transcript("b"))])
    assert (whole.is_cut, whole.is_rough) == flags
