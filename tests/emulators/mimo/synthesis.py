"""The TTS models: audio from which every word of the text can be decoded."""

from __future__ import annotations

import base64
import re
import zlib
from typing import Any

from tests.emulators.mimo.speech_contract import CLONE, DESIGN, SpeechRequest
from tests.emulators.mimo.tones import make_pcm, make_wav, read_words
from tests.emulators.mimo.transcription import (
    TOKENS_PER_S,
    count_tokens,
    make_chunks,
    make_usage,
    wrap,
)

RATE_HZ = 24_000
GAP_S = 0.08
#: One or two Chinese characters, or one word of letters and digits.
_WORD = re.compile(r"[\u3400-\u9fff]{1,2}|[^\W_\u3400-\u9fff]+")
_STYLE = re.compile(r"<style>.*?</style>", re.DOTALL)
_TAG = re.compile(r"\([^()]*\)|（[^（）]*）|\[[^\[\]]*\]")


def number_of(word: str) -> int:
    """Return the number that encodes a word: 0 to 63,999."""
    return zlib.crc32(word.lower().encode()) % 64_000


def spoken_words(text: str) -> list[str]:
    """Return the spoken words of `text`, without style tags."""
    bare = _TAG.sub(" ", _STYLE.sub(" ", text))
    return _WORD.findall(bare) or _WORD.findall(text) or ["hum"]


def expected_numbers(text: str) -> list[int]:
    """Return what `read_numbers` decodes from the audio of `text`."""
    return [number_of(word) for word in spoken_words(text)]


def read_numbers(pcm: bytes, rate_hz: int = RATE_HZ) -> list[int | None]:
    """Return the words in audio made by `synthesize`, as numbers; None for a damaged one."""
    return [word.number for word in read_words(pcm, rate_hz)]


def synthesize(text: str) -> bytes:
    """Return mono samples at 24 kHz, 0.44 s per word."""
    return make_pcm(expected_numbers(text), gap_s=GAP_S, rate_hz=RATE_HZ)


def make_file(request: SpeechRequest, pcm: bytes) -> bytes:
    return make_wav(pcm, rate_hz=RATE_HZ) if request.form == "wav" else pcm


def cut_file(request: SpeechRequest, file: bytes, chunk_bytes: int) -> list[str | None]:
    """Return a file in base64: in chunks if it is streamed and the model can, else whole."""
    is_burst = not request.is_streamed or request.model in (DESIGN, CLONE)
    size = len(file) if is_burst else chunk_bytes
    starts = range(0, len(file), max(size, 1)) if file else [0]
    return [base64.b64encode(file[start : start + size]).decode() for start in starts]


def make_speech_answer(request: SpeechRequest, data: str | None, call_id: str) -> dict[str, Any]:
    """Return the chat.completion object. data: base64, or None for no audio."""
    audio = None if data is None else _make_audio(call_id, data)
    message = {"role": "assistant", "content": "", "audio": audio, "tool_calls": None}
    return wrap(message, request.model, call_id)


def make_speech_usage(request: SpeechRequest, duration_s: float) -> dict[str, Any]:
    prompt = count_tokens(request.text) + count_tokens(request.direction)
    usage = make_usage(prompt, round(duration_s * TOKENS_PER_S))
    return {**usage, "prompt_tokens_details": None}


def make_speech_events(answer: dict[str, Any], chunks: list[str | None]) -> list[bytes]:
    """Return the answer as server-sent events, with the audio in base64 chunks."""
    nothing: dict[str, Any] = {"content": None, "role": None, "tool_calls": None, "audio": None}
    deltas = [{**nothing, "content": "", "role": "assistant"}]
    for data in chunks:
        audio = None if data is None else _make_audio(answer["id"], data)
        deltas.append({**nothing, "audio": audio})
    return make_chunks(answer, [*deltas, nothing])


def _make_audio(call_id: str, data: str) -> dict[str, Any]:
    return {"id": call_id, "data": data, "expires_at": None, "transcript": None}
