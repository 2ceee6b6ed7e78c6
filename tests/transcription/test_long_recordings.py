"""Long recordings through the real engine against the local MiMo: its limits, order and times.

The recordings are words that are numbers (see `tests.emulators.mimo.tones`): what comes back
tells which were lost, doubled, cut in two or out of place, and the truth is when each was played.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from itertools import pairwise

import pytest
from pydantic import SecretStr

from core.clock import Clock
from core.config import Settings
from core.engines.mimo.transcriber import MimoTranscriber
from core.errors import EngineError
from core.limits.budgets import Budgets
from core.store import Store
from core.text.timestamps import format_timestamp
from core.transcription.options import StoredTranscript
from core.transcription.pipeline import TranscriptionPipeline
from core.transcription.progress import Progress, describe
from tests.emulators.mimo import MimoServer
from tests.emulators.mimo.contract import MAX_BASE64_CHARS
from tests.emulators.mimo.tones import WORD_S, make_recording
from tests.emulators.mimo.transcription import MAX_CONTEXT_TOKENS, MAX_OUTPUT_TOKENS
from tests.support import audio_samples
from tests.support.thread_media import ThreadMedia

GAP_S = 0.64
#: The distance from the start of one word to that of the next.
STEP_S = WORD_S + GAP_S


def recording(seconds: int) -> bytes:
    """OGG/Opus of the words w0, w1, w2 …"""
    wav = make_recording(range(round(seconds / STEP_S)), gap_s=GAP_S)
    # The quickest form of the codec.
    options = {"application": "audio", "compression_level": "0", "frame_duration": "60"}
    return audio_samples.encode(wav[44:], "ogg", "libopus", options=options)


@pytest.fixture
async def transcription(mimo: MimoServer, store: Store) -> AsyncIterator[TranscriptionPipeline]:
    """Transcribe with MiMo in short pieces, without its limits per minute."""
    settings = Settings(
        _env_file=None, mimo_base_url=mimo.base_url, mimo_api_key=SecretStr(mimo.key)
    )  # type: ignore[call-arg]
    engine = MimoTranscriber(settings)
    engine.limits = replace(
        engine.limits, calls_per_minute=None, tokens_per_minute=None, concurrency=4,
        target_piece_s=12.0, max_piece_s=18.0,
    )  # fmt: skip
    yield TranscriptionPipeline(ThreadMedia(), engine, store.results, Budgets(store.budgets))
    await engine.close()


async def test_long_recording_is_transcribed_whole_and_in_order(
    mimo: MimoServer, transcription: TranscriptionPipeline
) -> None:
    """There are more pieces than calls under way at once."""
    texts: list[str] = []
    stored = await transcription.transcribe(
        recording(120), on_progress=lambda progress: texts.append(progress.text)
    )
    count = round(120 / STEP_S)
    assert stored.transcript.text == " ".join(f"w{number}" for number in range(count))
    assert stored.transcript.duration_s == pytest.approx(count * STEP_S, abs=0.1)
    assert not stored.transcript.is_cut
    check_times(stored)
    check_calls(mimo)
    # The last of them is not always whole: a piece in the middle may be the last to end.
    assert texts and all(stored.transcript.text.startswith(text) for text in texts)
    assert all(len(one) <= len(later) for one, later in pairwise(texts))


def check_times(stored: StoredTranscript) -> None:
    """Each segment begins within 1 s before its first word and ends as close after its last."""
    segments = stored.transcript.segments
    for segment in segments:
        first, *_, last = [int(word[1:]) for word in segment.text.split() * 2]
        assert segment.start_s == pytest.approx(first * STEP_S, abs=1.0)
        assert segment.end_s == pytest.approx(last * STEP_S + WORD_S, abs=1.0)
    assert segments[0].start_s == 0.0
    for one, next_one in pairwise(segments):
        assert one.end_s == pytest.approx(next_one.start_s, abs=0.01)


def check_calls(mimo: MimoServer) -> None:
    """The service saw no call over its limits, and no piece twice."""
    calls = mimo.requests
    assert {(call.status, call.is_streamed) for call in calls} == {(200, True)}
    assert len({call.sha256 for call in calls}) == len(calls) > 4
    assert sum(call.duration_s for call in calls) == pytest.approx(120, abs=1.0)
    assert mimo.max_concurrent <= 4
    for call in calls:
        assert 4 * -(-call.audio_bytes // 3) <= MAX_BASE64_CHARS
        assert call.tokens <= MAX_CONTEXT_TOKENS
        assert len(call.text) / 4 <= MAX_OUTPUT_TOKENS


@pytest.mark.finding(22)
async def test_progress_of_a_long_recording_goes_on_while_the_account_waits(
    mimo: MimoServer, transcription: TranscriptionPipeline, store: Store, clock: Clock
) -> None:
    """The account's limit lets 60 s of sound through at once, and the rest a minute later."""
    tokens_per_minute = int(60 * transcription.transcriber.limits.tokens_per_s) + 120
    limits = replace(transcription.transcriber.limits, tokens_per_minute=tokens_per_minute)
    transcription.transcriber.limits = limits
    shared = store.results, Budgets(store.budgets), clock
    limited = TranscriptionPipeline(ThreadMedia(), transcription.transcriber, *shared)
    seen: list[tuple[float, Progress]] = []
    started_s = clock.monotonic()
    mimo.rules.latency_s = 3.0

    def show(progress: Progress) -> None:
        seen.append((clock.monotonic() - started_s, progress))

    stored = await limited.transcribe(recording(96), on_progress=show)
    took_s = clock.monotonic() - started_s
    assert took_s > 60, "the limit held it back"
    moments = [at_s for at_s, _ in seen]
    assert max(later - at_s for at_s, later in pairwise([0.0, *moments, took_s])) <= 5.1
    waiting = [(at_s, one) for at_s, one in seen if one.is_held_back and 20 < at_s < 50]
    assert waiting
    for at_s, one in waiting:
        assert one.total_s == pytest.approx(stored.transcript.duration_s, abs=1.0)
        assert 30 < one.done_s < 70 and one.left_s is not None
        assert at_s + one.left_s == pytest.approx(took_s, rel=0.25), "the expected end is right"
    assert len({one.left_s for _, one in waiting}) == len(waiting), "it counts down"
    assert 70 < seen[-1][1].done_s < stored.transcript.duration_s, "the end comes with the reply"
    _, half = waiting[0]
    text = describe(replace(half, left_s=34.0), "en")
    done, total = format_timestamp(half.done_s), format_timestamp(half.total_s or 0)
    percent = int(100 * half.done_s / (half.total_s or 1))
    state = f"{percent}% · {done} of {total} · about 30 s left · waiting for the AI service"
    assert text == f"{half.text}\n\n{state}"


@pytest.mark.finding(22)
async def test_progress_does_not_go_back_when_a_recording_is_tried_again(
    mimo: MimoServer, transcription: TranscriptionPipeline
) -> None:
    data, key, seen = recording(120), mimo.rules.key, [Progress()]

    def fail_later(progress: Progress) -> None:
        seen.append(progress)
        if progress.done_s > 40:
            mimo.rules.key = "sk-another"

    with pytest.raises(EngineError):
        await transcription.transcribe(data, on_progress=fail_later)
    mimo.rules.key = key
    await transcription.transcribe(data, on_progress=seen.append)
    shown = [progress.done_s for progress in seen]
    assert shown == sorted(shown) and shown[-1] > 100
