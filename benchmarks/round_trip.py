"""Word error rate of synthesized voice messages against the engine's raw audio, and seams.

    python -m benchmarks.round_trip

espeak-ng synthesizes 20 sentences; the offline recogniser transcribes the voice messages that a
user gets, and the raw audio of espeak-ng. The difference is the cost of cleaning, joining and
Opus. Then a long text is synthesized in pieces, and the seams between them are measured.
"""

from __future__ import annotations

import asyncio
import tempfile
from array import array
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import jiwer

from benchmarks.wer import plain
from core.audio import Media
from core.audio.segment import audioop
from core.engines.offline import espeak
from core.engines.offline.synthesizer import OfflineSynthesizer
from core.engines.offline.transcriber import OfflineTranscriber
from core.interfaces import Synthesizer
from core.limits.budgets import Budgets
from core.models import Utterance
from core.store import Store, make_cipher, migrate
from core.synthesis.pipeline import SynthesisPipeline, VoiceStyle
from core.text.split import split_speech
from core.transcription.pipeline import TranscriptionPipeline
from tests.emulators.mimo.tones import make_wav

MAX_ADDED_WER = 0.02
MAX_SILENCE_S = 0.3
RATE_HZ = espeak.RATE_HZ
FRAME_S = 0.01
#: The level below which a frame counts as silence: -52 dB of full scale.
QUIET_LEVEL = 80
SENTENCES = (
    "The train to the city leaves at half past seven in the morning.",
    "Please bring the blue folder to the meeting on Thursday.",
    "My sister has bought a small house near the river.",
    "There was not a single cloud in the sky all day.",
    "Can you tell me the way to the nearest hospital?",
    "He opened the window and listened to the rain.",
    "We should leave before it gets dark.",
    "The children played in the garden until dinner.",
    "I forgot to call my mother on her birthday.",
    "The new bridge will be finished next summer.",
    "She reads the newspaper every morning with a cup of coffee.",
    "The doctor told him to stay in bed for a week.",
    "Nobody knew where the old man had come from.",
    "They sat around the fire and told each other stories.",
    "The shop on the corner sells fresh bread and milk.",
    "It was the first time that I had seen the ocean.",
    "Turn left after the church and then go straight on.",
    "Our neighbours have two dogs and a black cat.",
    "The letter arrived three days after he had left.",
    "You can find the answer on the last page of the book.",
)
#: A few sentences per piece, so that there are many seams.
PIECE_CHARS = 150


@dataclass(frozen=True)
class Seam:
    """The audio between two pieces."""

    silence_s: float
    #: Largest step from one sample to the next.
    step: int


@asynccontextmanager
async def open_pipelines() -> AsyncIterator[tuple[SynthesisPipeline, TranscriptionPipeline]]:
    """Yield both pipelines with the offline engine and an empty database."""
    with tempfile.TemporaryDirectory() as home:
        url = f"sqlite:///{home}/hearsay.db"
        await migrate(url)
        store = Store(url, make_cipher(None, Path(home)))
        media, transcriber, synthesizer = (
            Media(workers=1),
            OfflineTranscriber(),
            OfflineSynthesizer(),
        )
        await transcriber.warm_up()
        try:
            yield (
                SynthesisPipeline(synthesizer, store.results, Budgets(store.budgets)),
                TranscriptionPipeline(media, transcriber, store.results, Budgets(store.budgets)),
            )
        finally:
            await transcriber.close()
            await synthesizer.close()
            await media.close()
            await store.close()


async def synthesize(engine: Synthesizer, text: str) -> bytes:
    return b"".join([part async for part in engine.synthesize(Utterance(text))])


async def measure_words() -> tuple[list[str], list[str]]:
    """Return the transcripts of the voice messages and of the raw audio."""
    notes, raw = [], []
    async with open_pipelines() as (synthesis, transcription):
        for sentence in SENTENCES:
            spoken = await synthesis.synthesize(sentence, VoiceStyle())
            transcript = await transcription.transcribe(spoken.file.data, language="en")
            notes.append(plain(transcript.transcript.text))
            wav = make_wav(await synthesize(synthesis.synthesizer, sentence), rate_hz=RATE_HZ)
            transcript = await transcription.transcribe(wav, language="en")
            raw.append(plain(transcript.transcript.text))
    return notes, raw


async def measure_seams() -> tuple[list[Seam], int]:
    """Return the seams of a long text, and the largest step within its pieces."""
    pcm = bytearray()
    async with open_pipelines() as (synthesis, _):
        engine = synthesis.synthesizer
        engine.limits = replace(engine.limits, max_chars=PIECE_CHARS)
        text = " ".join(SENTENCES)
        await synthesis.synthesize(text, VoiceStyle(), on_audio=lambda audio, _: pcm.extend(audio))
        pieces = [await synthesize(engine, p) for p in split_speech(text, PIECE_CHARS)]
    spans = []
    at = 0
    for piece in pieces:
        start, end = find_piece(bytes(pcm), piece, at)
        spans.append((start, end))
        at = end
    seams = [measure_seam(bytes(pcm), end, start) for (_, end), (start, _) in pairwise(spans)]
    return seams, max(largest_step(array("h", piece)) for piece in pieces)


def find_piece(pcm: bytes, piece: bytes, at: int) -> tuple[int, int]:
    """Return where the speech of `piece` starts and ends in the joined audio, in bytes.

    Joining changes no samples except for a fade at the edges, so the piece is found by its first
    and last loud frames.
    """
    size = int(FRAME_S * RATE_HZ) * 2
    frames = range(0, len(piece) - size, size)
    loud = [n for n in frames if audioop.rms(piece[n : n + size], 2) >= QUIET_LEVEL]
    first, last = loud[0], loud[-1]
    start = pcm.index(piece[first + size : first + 4 * size], at) - size
    end = pcm.index(piece[last - 3 * size : last], start) + 4 * size
    return start, end


def measure_seam(pcm: bytes, end: int, start: int) -> Seam:
    """Return the seam between the end of one piece's speech and the start of the next one's."""
    edge = int(FRAME_S * RATE_HZ)
    samples = array("h", pcm[end - 2 * edge : start + 2 * edge])
    step = largest_step(samples[edge // 2 : -edge // 2])
    return Seam((start - end) / 2 / RATE_HZ, step)


def largest_step(samples: array[int]) -> int:
    return max(abs(b - a) for a, b in pairwise(samples))


def show_words() -> None:
    """Print the word error rates."""
    notes, raw = asyncio.run(measure_words())
    truths = [plain(sentence) for sentence in SENTENCES]
    for truth, note, bare in zip(truths, notes, raw, strict=True):
        if note != bare:
            print(f"  text          {truth}\n  voice message {note}\n  raw audio     {bare}")
    ours, bare_wer = jiwer.wer(truths, notes), jiwer.wer(truths, raw)
    added = ours - bare_wer
    print(f"word error rate, {sum(len(t.split()) for t in truths)} words")
    print(f"  voice messages {ours:6.1%}\n  raw audio      {bare_wer:6.1%}")
    result = verdict(added, MAX_ADDED_WER)
    print(f"  added          {added:+6.1%}, limit {MAX_ADDED_WER:.0%}: {result}")


def show_seams() -> None:
    """Print the longest silence and the largest step."""
    seams, within = asyncio.run(measure_seams())
    longest = max(seam.silence_s for seam in seams)
    step = max(seam.step for seam in seams)
    print(f"{len(seams)} seams between pieces")
    print(
        f"  longest silence {longest * 1000:.0f} ms, limit {MAX_SILENCE_S * 1000:.0f} ms:"
        f" {verdict(longest, MAX_SILENCE_S)}"
    )
    print(
        f"  largest step {step / 32_768:.1%} of full scale, within the pieces"
        f" {within / 32_768:.1%}: {verdict(step, within)}"
    )


def verdict(value: float, limit: float) -> str:
    return "ok" if value <= limit else "FAILED"


def main() -> None:
    show_words()
    show_seams()


if __name__ == "__main__":
    main()
