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

from core.config import Settings
from core.engines.mimo.transcriber import MimoTranscriber
from core.store import Store
from core.transcription.pipeline import StoredTranscript, TranscriptionPipeline
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
    yield TranscriptionPipeline(ThreadMedia(), engine, store.results)
    await engine.close()


async def test_long_recording_is_transcribed_whole_and_in_order(
    mimo: MimoServer, transcription: TranscriptionPipeline
) -> None:
    """There are more pieces than calls under way at once."""
    texts: list[str] = []
    stored = await transcription.transcribe(recording(120), on_text=texts.append)
    count = round(120 / STEP_S)
    assert stored.transcript.text == " ".join(f"w{number}" for number in range(count))
    assert stored.transcript.duration_s == pytest.approx(count * STEP_S, abs=0.1)
    assert not stored.transcript.is_cut
    check_times(stored)
    check_calls(mimo)
    assert texts[-1] == stored.transcript.text
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
