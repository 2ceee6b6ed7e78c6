"""Word error rate of the offline transcriber against PocketSphinx without an endpointer.

    python -m benchmarks.wer

The recordings and their texts are those of tests/data/speech/SOURCES.md; only English ones are
measured. Without the endpointer, each recording is decoded as one utterance.
"""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import dataclass
from pathlib import Path

import jiwer
from pocketsphinx import Decoder

from core.engines.offline.transcriber import OfflineTranscriber
from core.models import Audio
from tests.emulators.mimo.tones import RATE_HZ, make_wav
from tests.support.audio_samples import decode

SPEECH = Path(__file__).parent.parent / "tests" / "data" / "speech"


@dataclass
class Result:
    name: str
    truth: str
    text: str
    plain_text: str
    duration_s: float
    took_s: float


def read_truths() -> dict[str, str]:
    """Return the texts of the English recordings by file name."""
    rows = [
        [cell.strip() for cell in line.strip("|\n ").split("|")]
        for line in (SPEECH / "SOURCES.md").read_text(encoding="utf-8").splitlines()
        if line.startswith("|")
    ]
    texts = rows[0].index("true text")
    found = {row[0]: row[texts] for row in rows[1:] if (SPEECH / row[0]).is_file()}
    return {name: plain(text) for name, text in found.items() if text.isascii()}


def plain(text: str) -> str:
    return " ".join(re.findall(r"[a-z']+", text.lower()))


def transcribe_without_endpointer(decoder: Decoder, pcm: bytes) -> str:
    decoder.reinit_feat()
    decoder.start_utt()
    decoder.process_raw(pcm, full_utt=True)
    decoder.end_utt()
    found = decoder.hyp()
    return plain(found.hypstr) if found else ""


async def measure() -> list[Result]:
    engine = OfflineTranscriber()
    decoder = Decoder(samprate=RATE_HZ, loglevel="FATAL")
    await engine.warm_up()
    results = []
    for name, truth in read_truths().items():
        pcm = decode((SPEECH / name).read_bytes(), RATE_HZ)
        audio = Audio(make_wav(pcm), "audio/wav", len(pcm) / 2 / RATE_HZ)
        started_s = time.monotonic()
        text = plain((await engine.transcribe(audio)).text)
        took_s = time.monotonic() - started_s
        plain_text = transcribe_without_endpointer(decoder, pcm)
        results.append(Result(name, truth, text, plain_text, audio.duration_s, took_s))
    await engine.close()
    return results


def main() -> None:
    results = asyncio.run(measure())
    print(f"{'recording':18} {'words':>5} {'WER':>6} {'plain':>6} {'x real time':>11}  transcript")
    for r in results:
        print(
            f"{r.name:18} {len(r.truth.split()):5} {jiwer.wer(r.truth, r.text):6.0%}"
            f" {jiwer.wer(r.truth, r.plain_text):6.0%} {r.took_s / r.duration_s:11.2f}  {r.text}"
        )
    truths = [r.truth for r in results]
    ours = jiwer.wer(truths, [r.text for r in results])
    plain_text = jiwer.wer(truths, [r.plain_text for r in results])
    words = sum(len(truth.split()) for truth in truths)
    pace = sum(r.took_s for r in results) / sum(r.duration_s for r in results)
    print(f"{'all':18} {words:5} {ours:6.0%} {plain_text:6.0%} {pace:11.2f}")
    print(f"WER with the endpointer / without: {ours / plain_text:.2f}")


if __name__ == "__main__":
    main()
