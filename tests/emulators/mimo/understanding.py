"""The model: answers from a script, else with what it really took in, and counts tokens."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import av

from tests.emulators.mimo.chat_contract import ChatRequest, Sound
from tests.emulators.mimo.contract import wrong_param
from tests.emulators.mimo.listening import (
    OVERHEAD_TOKENS,
    TOKENS_PER_S,
    count_tokens,
    cut_tokens,
    describe,
    make_usage,
    wrap,
)
from tests.emulators.mimo.summarizing import perform, summarize
from tests.emulators.mimo.tones import RATE_HZ
from tests.support import sounds

#: All that a call may hold: models of the second generation, and the later ones.
_SMALL_CONTEXT, _LARGE_CONTEXT = 256_000, 1_000_000


@dataclass
class Script:
    """What is answered where the question fits; the first that fits is taken."""

    answer: str | Callable[[ChatRequest], str]
    #: Is to be found in the text of the last message of the user.
    pattern: str = ""
    #: What the model thinks first, where it is to think.
    reasoning: str = "Let me see."

    def fits(self, order: ChatRequest) -> bool:
        """Tell whether it is the answer to this question."""
        return re.search(self.pattern, order.question, re.DOTALL) is not None


@dataclass(frozen=True)
class Understood:
    """What the model makes of one question."""

    #: Length of each sound.
    durations_s: tuple[float, ...]
    text: str
    reasoning: str
    finish_reason: str
    text_tokens: int

    @property
    def usage(self) -> dict[str, Any]:
        sound = sum(round(duration_s * TOKENS_PER_S) for duration_s in self.durations_s)
        prompt = OVERHEAD_TOKENS + self.text_tokens + sound
        thoughts = count_tokens(self.reasoning)
        completion = thoughts + count_tokens(self.text)
        return make_usage(prompt, completion, audio=sound, thoughts=thoughts)


def understand(
    order: ChatRequest,
    scripts: Iterable[Script],
    texts: Mapping[str, str],
    context_tokens: int | None = None,
) -> Understood:
    """Return the answer to a question.

    texts: what is said in the sound of that sha256. context_tokens: instead of the model's own.
    Raises Refusal if a sound cannot be read, or if all is more than the model can take in.
    """
    heard = [_hear(sound, texts) for sound in order.sounds]
    durations_s = tuple(duration_s for duration_s, _ in heard)
    text_tokens = sum(map(count_tokens, order.texts))
    used = text_tokens + OVERHEAD_TOKENS + sum(round(s * TOKENS_PER_S) for s in durations_s)
    left = (context_tokens or _find_context(order.model)) - used
    if left <= 0:
        raise wrong_param("the input exceeds the context of the model")
    text, reasoning = _answer(order, scripts, heard)
    limit = min(order.max_tokens, left)
    thoughts = cut_tokens(reasoning if order.is_thinking else "", limit)
    words = cut_tokens(text, limit - count_tokens(thoughts))
    is_whole = words == text and (thoughts == reasoning or not order.is_thinking)
    return Understood(durations_s, words, thoughts, "stop" if is_whole else "length", text_tokens)


def make_chat_answer(told: Understood, model: str, call_id: str) -> dict[str, Any]:
    """Return the plain answer, as in the documents; without thinking there are no thoughts."""
    message: dict[str, Any] = {"content": told.text, "role": "assistant", "tool_calls": None}
    if told.reasoning:
        message["reasoning_content"] = told.reasoning
    answer = wrap(message, model.removesuffix("[1m]"), call_id, told.finish_reason)
    return {**answer, "usage": told.usage}


def echo(order: ChatRequest, heard: list[tuple[float, str]]) -> str:
    """Return what tells how many recordings came, how long they are and what is said in them."""
    if not heard:
        return f"I read {len(order.question)} characters and heard nothing."
    said = ", ".join(f'{duration_s:.1f} s ("{text}")' for duration_s, text in heard)
    return f"I heard {len(heard)} recordings: {said}."


def _answer(
    order: ChatRequest, scripts: Iterable[Script], heard: list[tuple[float, str]]
) -> tuple[str, str]:
    for script in scripts:
        if script.fits(order):
            answer = script.answer
            return (answer if isinstance(answer, str) else answer(order)), script.reasoning
    # Only who wants a script speaks of a host.
    by_rule = perform if any("HOST:" in text for text in order.texts) else summarize
    return by_rule(order.question) or echo(order, heard), "Let me see."


def _hear(sound: Sound, texts: Mapping[str, str]) -> tuple[float, str]:
    pcm = _decode(sound.data)
    text = texts.get(sound.sha256)
    return len(pcm) / 2 / RATE_HZ, describe(pcm, RATE_HZ, sound.sha256) if text is None else text


@lru_cache(maxsize=4)
def _decode(data: bytes) -> bytes:
    """Return the samples; those of the last sounds are kept, for they are asked about again."""
    try:
        return sounds.decode(data, RATE_HZ)
    except (av.FFmpegError, IndexError, ValueError):
        raise wrong_param("the audio cannot be decoded") from None


def _find_context(model: str) -> int:
    is_small = model.startswith("mimo-v2-") and not model.endswith("[1m]")
    return _SMALL_CONTEXT if is_small else _LARGE_CONTEXT
