"""The chat models: scripted or rule-based answers, and token counts."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import av

from tests.emulators.mimo.chat_contract import ChatRequest, Recording
from tests.emulators.mimo.contract import wrong_param
from tests.emulators.mimo.summaries import perform, summarize
from tests.emulators.mimo.tones import RATE_HZ
from tests.emulators.mimo.transcription import (
    OVERHEAD_TOKENS,
    TOKENS_PER_S,
    count_tokens,
    cut_tokens,
    describe,
    make_usage,
    wrap,
)
from tests.support import audio_samples

#: Context windows in tokens: of the second generation of models, and of later ones.
_SMALL_CONTEXT, _LARGE_CONTEXT = 256_000, 1_000_000


@dataclass
class Script:
    """An answer to questions that match a pattern; the first match wins."""

    answer: str | Callable[[ChatRequest], str]
    #: Regular expression, searched in the text of the last user message.
    pattern: str = ""
    #: The model's reasoning_content, if thinking is enabled.
    reasoning: str = "Let me see."

    def matches(self, request: ChatRequest) -> bool:
        """Return whether this is the answer to a question."""
        return re.search(self.pattern, request.question, re.DOTALL) is not None


@dataclass(frozen=True)
class GeneratedAnswer:
    """The model's answer to a question."""

    #: Length of each recording.
    durations_s: tuple[float, ...]
    text: str
    reasoning: str
    finish_reason: str
    text_tokens: int

    @property
    def usage(self) -> dict[str, Any]:
        recording = sum(round(duration_s * TOKENS_PER_S) for duration_s in self.durations_s)
        prompt = OVERHEAD_TOKENS + self.text_tokens + recording
        thoughts = count_tokens(self.reasoning)
        completion = thoughts + count_tokens(self.text)
        return make_usage(prompt, completion, audio=recording, thoughts=thoughts)


def generate_answer(
    request: ChatRequest,
    scripts: Iterable[Script],
    texts: Mapping[str, str],
    context_tokens: int | None = None,
) -> GeneratedAnswer:
    """Return the answer to a question.

    texts: transcripts by sha256. context_tokens: instead of the model's context window.
    Raises ApiError if a recording cannot be decoded or the input exceeds the context window.
    """
    transcripts = [_transcribe(recording, texts) for recording in request.recordings]
    durations_s = tuple(duration_s for duration_s, _ in transcripts)
    text_tokens = sum(map(count_tokens, request.texts))
    used = text_tokens + OVERHEAD_TOKENS + sum(round(s * TOKENS_PER_S) for s in durations_s)
    left = (context_tokens or _find_context(request.model)) - used
    if left <= 0:
        raise wrong_param("the input exceeds the context of the model")
    text, reasoning = _answer(request, scripts, transcripts)
    for word in request.stop:
        text = text.partition(word)[0]
    text = json.dumps({"answer": text}) if request.is_json else text
    limit = min(request.max_tokens, left)
    thoughts = cut_tokens(reasoning if request.is_thinking else "", limit)
    words = cut_tokens(text, limit - count_tokens(thoughts))
    is_whole = words == text and (thoughts == reasoning or not request.is_thinking)
    return GeneratedAnswer(
        durations_s, words, thoughts, "stop" if is_whole else "length", text_tokens
    )


def make_chat_answer(generated: GeneratedAnswer, model: str, call_id: str) -> dict[str, Any]:
    """Return the chat.completion object; reasoning_content only if thinking is enabled."""
    message: dict[str, Any] = {"content": generated.text, "role": "assistant", "tool_calls": None}
    if generated.reasoning:
        message["reasoning_content"] = generated.reasoning
    answer = wrap(message, model.removesuffix("[1m]"), call_id, generated.finish_reason)
    return {**answer, "usage": generated.usage}


def describe_input(request: ChatRequest, transcripts: list[tuple[float, str]]) -> str:
    """Return a text with the number, lengths and transcripts of the recordings."""
    if not transcripts:
        return f"I read {len(request.question)} characters and heard nothing."
    said = ", ".join(f'{duration_s:.1f} s ("{text}")' for duration_s, text in transcripts)
    return f"I heard {len(transcripts)} recordings: {said}."


def _answer(
    request: ChatRequest, scripts: Iterable[Script], transcripts: list[tuple[float, str]]
) -> tuple[str, str]:
    for script in scripts:
        if script.matches(request):
            answer = script.answer
            return (answer if isinstance(answer, str) else answer(request)), script.reasoning
    # Only the prompt for a script mentions a host.
    by_rule = perform if any("HOST:" in text for text in request.texts) else summarize
    return by_rule(request.question) or describe_input(request, transcripts), "Let me see."


def _transcribe(recording: Recording, texts: Mapping[str, str]) -> tuple[float, str]:
    pcm = _decode(recording.data)
    text = texts.get(recording.sha256)
    return len(pcm) / 2 / RATE_HZ, describe(
        pcm, RATE_HZ, recording.sha256
    ) if text is None else text


@lru_cache(maxsize=4)
def _decode(data: bytes) -> bytes:
    """Return the samples; cached, because follow-up questions send the same recordings."""
    try:
        return audio_samples.decode(data, RATE_HZ)
    except (av.FFmpegError, IndexError, ValueError):
        raise wrong_param("the audio cannot be decoded") from None


def _find_context(model: str) -> int:
    is_small = model.startswith("mimo-v2-") and not model.endswith("[1m]")
    return _SMALL_CONTEXT if is_small else _LARGE_CONTEXT
