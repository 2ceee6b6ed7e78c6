"""The offline transcriber with its real model, on recordings of people."""

from __future__ import annotations

import asyncio
import os
import wave
from collections.abc import AsyncIterator

import jiwer
import pytest
import pytest_asyncio

from core.engines.offline.answerer import OfflineAnswerer
from core.engines.offline.role import read_error
from core.engines.offline.transcriber import OfflineTranscriber
from core.errors import EngineBadReply, EngineBusy, EngineRefused, NotSent
from core.models import Audio, Passage, Question, Transcript
from core.worker_process import WorkerDied, WorkerMissing, WorkerRefused, WorkerStalled
from tests.emulators.mimo.tones import make_wav
from tests.support import audio_samples
from tests.support.paths import SPEECH

RATE_HZ = 16_000
#: What is said, and the share of it that may be heard wrong.
TRUTHS = {
    "cards-001.wav": ("ten of clubs", 0.0),
    "sb_example1.wav": ("the birch canoe slid on the smooth planks", 0.7),
    "austen-0870.wav": (
        "and mr john dashwood had then leisure to consider how much there might be prudently in "
        "his power to do for them",
        0.5,
    ),
}
#: Question, and the recording that answers it also where the machine got its gist at best.
ROUGH_QUESTIONS = (
    ("Were the planks rough or smooth?", "sb_example1"),
    ("Did John have any leisure?", "austen-0870"),
    ("Was it in his power?", "austen-0870"),
    ("Which club is it?", "cards-001"),
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def transcriber() -> AsyncIterator[OfflineTranscriber]:
    transcriber = OfflineTranscriber()
    await transcriber.warm_up()
    yield transcriber
    await transcriber.close()


pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.pocketsphinx]


def read_samples(name: str) -> bytes:
    with wave.open(str(SPEECH / name)) as file:
        pcm: bytes = file.readframes(file.getnframes())
    return pcm


def make_audio(pcm: bytes) -> Audio:
    return Audio(make_wav(pcm), "audio/wav", len(pcm) / 2 / RATE_HZ)


_heard: dict[str, Transcript] = {}


async def transcribe_recording(transcriber: OfflineTranscriber, name: str) -> Transcript:
    """Return the transcript of a recording; each is transcribed once."""
    if name not in _heard:
        _heard[name] = await transcriber.transcribe(
            make_audio(read_samples(name)), language="en-GB"
        )
    return _heard[name]


@pytest.mark.parametrize("name", TRUTHS)
async def test_word_error_rate_on_recordings(transcriber: OfflineTranscriber, name: str) -> None:
    truth, worst = TRUTHS[name]
    transcript = await transcribe_recording(transcriber, name)
    assert jiwer.wer(truth, transcript.text) <= worst
    assert transcript.is_rough and not transcript.is_cut
    assert transcript.usage is not None and transcript.usage.model == "pocketsphinx-en-us"


async def test_times_and_partial_text(transcriber: OfflineTranscriber) -> None:
    card = read_samples("cards-001.wav")
    audio = make_audio(
        audio_samples.silence(2) + card + audio_samples.silence(3) + card + audio_samples.silence(1)
    )
    shown: list[str] = []
    transcript = await transcriber.transcribe(audio, on_text=shown.append)
    first, second = transcript.segments
    assert first.text == second.text == "ten of clubs"
    assert shown == ["ten of clubs", "ten of clubs ten of clubs"]
    assert 1.8 < first.start_s < 2.5 < first.end_s < 3.6
    assert 5.9 < second.start_s < 6.6 < second.end_s < 7.7
    assert transcript.text == shown[-1]


async def test_other_recordings_do_not_affect_the_result(
    transcriber: OfflineTranscriber,
) -> None:
    card, other = (read_samples(name) for name in ("cards-001.wav", "sb_example1.wav"))
    recordings = [make_audio(pcm) for pcm in (card, other[:24_000], card, card)]
    transcript = await asyncio.gather(*map(transcriber.transcribe, recordings))
    assert [transcript[n].text for n in (0, 2, 3)] == ["ten of clubs"] * 3


async def test_extracts_answer_from_offline_transcripts(
    transcriber: OfflineTranscriber,
) -> None:
    passages = []
    for name in TRUTHS:
        transcript = await transcribe_recording(transcriber, name)
        passages += [Passage(name.partition(".")[0], part.text) for part in transcript.segments]
    for words, mark in ROUGH_QUESTIONS:
        question = Question((), task="answer", words=words, passages=tuple(passages))
        answer = await OfflineAnswerer().answer(question)
        assert answer.is_extract and not answer.is_cut
        assert f"[{mark}]" in answer.text.splitlines()[0], (words, answer.text)


@pytest.mark.parametrize("level", [17, 1730])
async def test_no_words_are_invented_for_noise(transcriber: OfflineTranscriber, level: int) -> None:
    assert (await transcriber.transcribe(make_audio(audio_samples.noise(2, level)))).text == ""


async def test_shortest_audio(transcriber: OfflineTranscriber) -> None:
    for size in (0, 2, 958, 960, 962, 1920):
        assert (await transcriber.transcribe(make_audio(bytes(size)))).text == ""


async def test_truncated_speech_is_kept_to_its_last_sample() -> None:
    from core.engines.offline.pocketsphinx_worker import find_speech

    for samples in (480 * 40, 480 * 40 - 1, 480 * 39 + 1):
        pcm = read_samples("austen-0870.wav")[: 2 * samples]
        *_, (start_s, end_s, speech) = find_speech(pcm)
        assert speech.rstrip(b"\0").endswith(pcm[-400:].rstrip(b"\0"))
        assert start_s < 1 and end_s == pytest.approx(len(pcm) / 2 / RATE_HZ, abs=0.05)


async def test_other_formats_are_refused(transcriber: OfflineTranscriber) -> None:
    formats = make_wav(bytes(3200), rate_hz=8000), make_wav(bytes(3200), channels=2)
    for data in (b"", b"no sound", make_wav(bytes(3200))[:30], *formats):
        with pytest.raises(EngineRefused):
            await transcriber.transcribe(Audio(data, "audio/wav", 0.1))


async def test_concurrency_follows_the_machine(transcriber: OfflineTranscriber) -> None:
    assert transcriber.limits.concurrency == min(2, os.cpu_count() or 1)
    assert transcriber.limits.formats == ("wav",)


async def test_worker_failure_is_read() -> None:
    read = [read_error(error) for error in (WorkerRefused("format"), WorkerRefused("memory"))]
    read += [
        read_error(error) for error in (WorkerMissing("x"), WorkerDied("x"), WorkerStalled("x"))
    ]
    expected = [NotSent, EngineBusy, EngineBusy, EngineBadReply, EngineBadReply]
    assert [type(error) for error in read] == expected
