"""The ASR model: a transcript that depends only on the recording, and token counts."""

from __future__ import annotations

import hashlib
import io
import json
import math
import wave
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.emulators.mimo.contract import TranscriptionRequest, wrong_param
from tests.emulators.mimo.tones import RATE_HZ, is_silent, read_words
from tests.support import audio_samples

#: 8K context, 2K output; tokens per second of audio.
MAX_OUTPUT_TOKENS = 2048
MAX_CONTEXT_TOKENS = 8192
TOKENS_PER_S = 6.25
#: From the example of the documentation: 46 prompt tokens, of which 25 are audio.
OVERHEAD_TOKENS = 21


@dataclass(frozen=True)
class Transcription:
    """The transcript of a recording."""

    sha256: str
    duration_s: float
    text: str
    finish_reason: str

    @property
    def prompt_tokens(self) -> int:
        return OVERHEAD_TOKENS + self.audio_tokens

    @property
    def audio_tokens(self) -> int:
        return round(self.duration_s * TOKENS_PER_S)


def transcribe(request: TranscriptionRequest, texts: Mapping[str, str]) -> Transcription:
    """Return the transcript of a recording: from `texts` by sha256, else from the audio itself.

    Words of `tones.make_recording` are transcribed as "w0 w1 w2", damaged ones as "cut", silence
    as nothing, other audio as its hash and length. Raises ApiError if the recording cannot be
    decoded or is too long.
    """
    pcm, rate_hz = decode(request.recording, request.kind)
    sha256 = hashlib.sha256(request.recording).hexdigest()
    duration_s = len(pcm) / 2 / rate_hz
    if duration_s * TOKENS_PER_S + OVERHEAD_TOKENS > MAX_CONTEXT_TOKENS:
        raise wrong_param("the audio exceeds the context of the model")
    text = texts.get(sha256)
    if text is None:
        text = describe(pcm, rate_hz, sha256)
    whole = cut_tokens(text)
    return Transcription(sha256, duration_s, whole, "stop" if whole == text else "length")


def decode(recording: bytes, kind: str) -> tuple[bytes, int]:
    """Return mono 16-bit samples and their rate. Raises ApiError."""
    try:
        return (
            _decode_wav(recording)
            if kind == "wav"
            else (audio_samples.decode(recording, RATE_HZ, "mp3"), RATE_HZ)
        )
    except (wave.Error, EOFError, OSError, ValueError):
        raise wrong_param("the audio cannot be decoded") from None


def count_tokens(text: str) -> int:
    """Return the number of tokens: about one per 4 Latin characters or 1 Chinese character."""
    wide = sum(ord(c) > 0x2E80 for c in text)
    return wide + math.ceil((len(text) - wide) / 4)


def cut_tokens(text: str, limit: int = MAX_OUTPUT_TOKENS) -> str:
    while count_tokens(text) > limit:
        text = text[: -max(1, count_tokens(text) - limit)]
    return text


def make_usage(
    prompt: int, completion: int, *, audio: int = 0, thoughts: int = 0
) -> dict[str, Any]:
    return {
        "completion_tokens": completion,
        "prompt_tokens": prompt,
        "total_tokens": prompt + completion,
        "completion_tokens_details": {"reasoning_tokens": thoughts},
        "prompt_tokens_details": {"audio_tokens": audio, "cached_tokens": 0},
    }


def wrap(
    message: dict[str, Any], model: str, call_id: str, finish_reason: str = "stop"
) -> dict[str, Any]:
    """Return a chat.completion object with a message, without usage."""
    return {
        "id": call_id,
        "choices": [{"finish_reason": finish_reason, "index": 0, "message": message}],
        "created": 1780398283,
        "model": model,
        "object": "chat.completion",
    }


def make_answer(transcription: Transcription, model: str, call_id: str) -> dict[str, Any]:
    nothing: dict[str, Any] = {"audio": None, "tool_calls": None, "audio_tokens": []}
    message = {"content": transcription.text, "role": "assistant", **nothing}
    answer = wrap(message, model, call_id, transcription.finish_reason)
    usage = make_usage(
        transcription.prompt_tokens,
        count_tokens(transcription.text),
        audio=transcription.audio_tokens,
    )
    return {**answer, "usage": {**usage, "seconds": round(transcription.duration_s)}}


def make_events(answer: dict[str, Any]) -> list[bytes]:
    """Return a chat.completion as server-sent events, in the documented order."""
    choice = answer["choices"][0]
    words = (choice["message"]["content"] or "").split(" ")
    thoughts = choice["message"].get("reasoning_content")
    texts = [word if n == 0 else f" {word}" for n, word in enumerate(words)]
    nothing: dict[str, Any] = {"content": None, "role": None, "tool_calls": None}
    deltas = [{**nothing, "content": "", "role": "assistant"}]
    deltas += [{**nothing, "reasoning_content": thoughts}] if thoughts else []
    deltas += [{**nothing, "content": text} for text in texts if text]
    return make_chunks(answer, [*deltas, nothing])


def make_chunks(answer: dict[str, Any], deltas: list[dict[str, Any]]) -> list[bytes]:
    """Return server-sent events: a chunk per delta, the last one with finish_reason, and usage."""
    reasons = [None] * (len(deltas) - 1) + [answer["choices"][0]["finish_reason"]]
    head = {**answer, "object": "chat.completion.chunk", "usage": None}
    chunks = [
        {**head, "choices": [{"delta": delta, "finish_reason": reason, "index": 0}]}
        for delta, reason in zip(deltas, reasons, strict=True)
    ]
    chunks.append({**head, "choices": [], "usage": answer["usage"]})
    lines = [json.dumps(chunk, ensure_ascii=False, separators=(",", ":")) for chunk in chunks]
    return [f"data: {line}\n\n".encode() for line in [*lines, "[DONE]"]]


def describe(pcm: bytes, rate_hz: int, sha256: str) -> str:
    """Return the transcript of mono samples; without words, their hash and length."""
    if is_silent(pcm):
        return ""
    if words := read_words(pcm, rate_hz):
        return " ".join("cut" if w.number is None else f"w{w.number}" for w in words)
    return f"sound {sha256[:8]} of {len(pcm) / 2 / rate_hz:.1f} seconds"


def _decode_wav(recording: bytes) -> tuple[bytes, int]:
    with wave.open(io.BytesIO(recording)) as file:
        channels, width, rate_hz = file.getnchannels(), file.getsampwidth(), file.getframerate()
        pcm: bytes = file.readframes(file.getnframes())
    if width != 2:
        raise ValueError("only 16 bit")
    if channels == 1:
        return pcm[: len(pcm) // 2 * 2], rate_hz
    samples = memoryview(pcm[: len(pcm) // (2 * channels) * 2 * channels]).cast("h")
    return samples[::channels].tobytes(), rate_hz
