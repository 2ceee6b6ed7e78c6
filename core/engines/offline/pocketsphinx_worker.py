"""Worker process for transcription: pocketsphinx with the English model of its wheel.

pocketsphinx holds the interpreter lock while it works, so it must not run in the bot's process.
"""

from __future__ import annotations

import io
import wave
from collections.abc import Iterator
from functools import partial
from typing import Any

from pocketsphinx import Decoder, Endpointer

from core.worker_process import Frame, WorkerRefused, serve
from core.worker_process.sandbox import enter

RATE_HZ = 16_000
_MEMORY_BYTES = 768 * 2**20
#: For each two minutes of speech, the longest piece, it needs half a minute.
_CPU_S = 1200.0


def main() -> None:
    """Load the model, then serve jobs until stdin ends."""
    decoder = Decoder(samprate=RATE_HZ, loglevel="FATAL")
    sandbox = partial(enter, memory_bytes=_MEMORY_BYTES, cpu_s=_CPU_S)
    serve(lambda _, wav: transcribe(decoder, wav), sandbox)


def transcribe(decoder: Any, wav: bytes) -> Iterator[Frame]:
    """Yield the words of each utterance in `wav` with its times, `start_s` and `end_s`.

    Only speech is decoded: for noise the decoder would invent words.
    Raises WorkerRefused("format") unless `wav` is 16-bit mono WAV of 16 kHz.
    """
    for start_s, end_s, pcm in find_speech(read_pcm(wav)):
        # Without this the result depends on earlier audio.
        decoder.reinit_feat()
        decoder.start_utt()
        decoder.process_raw(pcm, full_utt=True)
        decoder.end_utt()
        hypothesis = decoder.hyp()
        if hypothesis is not None and hypothesis.hypstr:
            times = {"start_s": round(start_s, 2), "end_s": round(end_s, 2)}
            yield {**times, "text": hypothesis.hypstr}, b""


def find_speech(pcm: bytes) -> Iterator[tuple[float, float, bytes]]:
    """Yield start and end in seconds and the samples of every stretch of speech in `pcm`."""
    endpointer = Endpointer(sample_rate=RATE_HZ)
    size = endpointer.frame_bytes
    speech = b""
    last = (len(pcm) - 1) // size * size
    for start in range(0, len(pcm), size):
        frame = pcm[start : start + size]
        detected = endpointer.end_stream(frame) if start == last else endpointer.process(frame)
        if detected is None:
            continue
        speech += detected
        if start == last or not endpointer.in_speech:
            yield endpointer.speech_start, endpointer.speech_end, speech
            speech = b""


def read_pcm(wav: bytes) -> bytes:
    """Return the samples in `wav`. Raises WorkerRefused("format")."""
    try:
        with wave.open(io.BytesIO(wav)) as file:
            audio_format = (file.getframerate(), file.getnchannels(), file.getsampwidth())
            pcm: bytes = file.readframes(file.getnframes())
    except (wave.Error, EOFError):
        raise WorkerRefused("format", "not a WAV file") from None
    if audio_format != (RATE_HZ, 1, 2):
        raise WorkerRefused("format", "not 16 kHz, mono, 16 bit")
    return pcm[: len(pcm) // 2 * 2]
