"""Chat completions, as defined by OpenAI and served by many others. Pure.

Sources: OpenAI API reference, "Chat Completions"; MiMo docs, "Audio Understanding" and "Deep
Thinking", 2026: reasoning comes as `reasoning_content` beside `content`. Servers without a parser
for reasoning leave it in `content`, between <think> and </think>.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from core.engines.wire.errors import clean, read_count, read_seconds
from core.errors import EngineBadReply, EngineRefused
from core.models import Answer, Audio, Question, Turn, Usage, add_usages

_THINK, _END_THINK = "<think>", "</think>"
_STOPPED_EARLY = frozenset({"length", "repetition_truncation"})
#: Far beyond any answer that was requested.
_MAX_TEXT_CHARS = 1_000_000
#: The text of a message that is a recording only: the API wants one.
_NO_TEXT = "Answer what is said in the recording."

BuildAudioPart = Callable[[Audio], dict[str, Any]]
#: Parses a response or chunk; raises the EngineError inside it.
ReadJson = Callable[[bytes | str], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Completion:
    """A chat completion, or as much of it as has been streamed."""

    content: str = ""
    reasoning_content: str = ""
    finish_reason: str | None = None
    #: Token counts as the service gave them.
    usage: dict[str, Any] | None = None
    is_done: bool = False

    @property
    def text(self) -> str:
        """The answer without any reasoning: fit to be shown."""
        return clean(self._split()[1])

    @property
    def reasoning(self) -> str:
        """The reasoning, from whichever place it came."""
        return clean(self.reasoning_content or self._split()[0]).strip()

    def _split(self) -> tuple[str, str]:
        """Return reasoning and text; what may still become <think> is neither yet."""
        start = self.content.lstrip()
        if not self.finish_reason and _THINK.startswith(start):
            return "", ""
        if not start.startswith(_THINK):
            return "", self.content
        reasoning, _, text = start.removeprefix(_THINK).partition(_END_THINK)
        return reasoning, text.lstrip()


def build_messages(question: Question, build_audio_part: BuildAudioPart) -> list[dict[str, Any]]:
    """Return the messages of `question`, the system prompt first; texts are clean.

    build_audio_part: returns the content part of a recording, with PLACEHOLDER for its base64.
    """
    system = {"role": "system", "content": clean(question.instructions)}
    turns = [_build_turn(turn, build_audio_part) for turn in question.turns]
    return [system, *turns] if question.instructions else turns


def build_sampling(question: Question) -> dict[str, Any]:
    """Return the parameters of sampling that are set, with clean texts."""
    found = question.sampling.parameters
    return {**found, "stop": [clean(word) for word in found["stop"]]} if "stop" in found else found


def has_audio(question: Question) -> bool:
    """Return whether `question` contains recordings."""
    return any(turn.audios for turn in question.turns)


def find_audio_data(question: Question) -> tuple[bytes, ...]:
    """Return the audio that is sent, in the order of the messages: all but those with a URL."""
    return tuple(a.data for turn in question.turns for a in turn.audios if not a.url)


def read_completion(answer: dict[str, Any]) -> Completion:
    """Return the completion in a response that is not streamed. Raises EngineBadReply."""
    choice = read_choice(answer)
    message = choice.get("message") if choice else None
    if choice is None or not isinstance(message, dict):
        raise EngineBadReply("no choices")
    if not isinstance(message.get("content"), str) and not _read_reasoning(message):
        raise EngineBadReply("no content")
    return Completion(
        content=_read_text(message, "content"),
        reasoning_content=_read_reasoning(message),
        finish_reason=read_finish(choice),
        usage=_find_usage(answer),
        is_done=True,
    )


def read_event(data: str, completion: Completion, read_json: ReadJson) -> Completion:
    """Return `completion` extended by the data of one server-sent event.

    Raises EngineBadReply, and what `read_json` raises.
    """
    if data.strip() == "[DONE]":
        return replace(completion, is_done=True)
    chunk = read_json(data)
    completion = replace(completion, usage=_find_usage(chunk) or completion.usage)
    choice = read_choice(chunk)
    if choice is None:
        return completion
    found = choice.get("delta")
    delta = found if isinstance(found, dict) else {}
    text, reasoning = _read_text(delta, "content"), _read_reasoning(delta)
    if (text or reasoning) and (completion.finish_reason or completion.is_done):
        raise EngineBadReply("text after the end")
    if len(completion.content) + len(completion.reasoning_content) > _MAX_TEXT_CHARS:
        raise EngineBadReply("more text than was requested")
    return replace(
        completion,
        content=completion.content + text,
        reasoning_content=completion.reasoning_content + reasoning,
        finish_reason=read_finish(choice) or completion.finish_reason,
    )


def read_end(completion: Completion) -> bool:
    """Return whether a finished completion was cut short.

    Raises as `is_cut_by` does, and EngineBadReply if its stream broke off.
    """
    if not completion.is_done:
        raise EngineBadReply("the stream ended too early")
    return is_cut_by(completion.finish_reason)


def is_cut_by(finish_reason: str | None) -> bool:
    """Return whether `finish_reason` means that the output was cut short.

    Raises EngineRefused if moderation ended it, EngineBadReply for a missing or unknown reason:
    part of a text never passes for the whole.
    """
    if finish_reason == "content_filter":
        raise EngineRefused(
            "content_filter", reason="it was blocked by the service's content filter"
        )
    if finish_reason != "stop" and finish_reason not in _STOPPED_EARLY:
        raise EngineBadReply("the finish reason is missing or unknown")
    return finish_reason in _STOPPED_EARLY


def make_answer(completion: Completion, usage: Usage | None) -> Answer:
    """Return `completion` as an answer; its text is empty if there was only reasoning.

    Raises EngineError as `read_end` does, EngineBadReply if there was no reasoning either.
    """
    is_cut, text = read_end(completion), completion.text.strip()
    if not text and not completion.reasoning:
        raise EngineBadReply("neither text nor reasoning")
    return Answer(text, is_cut=is_cut, reasoning=completion.reasoning, usage=usage)


def combine_answers(first: Answer, second: Answer) -> Answer:
    """Return the answer to a question whose `first` answer was nothing but reasoning.

    second: the answer without thinking. If it has no text either, the reasoning takes its place,
    with `is_thought` set.
    """
    usage = add_usages((first.usage, second.usage))
    if second.text:
        return replace(second, usage=usage)
    reasoning = second.reasoning or first.reasoning
    # Reasoning that was cut is not a text to be continued.
    return replace(second, text=reasoning, is_thought=True, is_cut=False, usage=usage)


def read_usage(completion: Completion, engine: str, model: str) -> Usage | None:
    """Return the usage that a completion reports, None if it reports none."""
    usage = completion.usage
    if usage is None:
        return None
    of_prompt = _find_details(usage, "prompt_tokens_details")
    of_completion = _find_details(usage, "completion_tokens_details")
    return Usage(
        engine=engine,
        model=model,
        audio_s=read_seconds(usage.get("seconds")),
        prompt_tokens=read_count(usage.get("prompt_tokens")),
        completion_tokens=read_count(usage.get("completion_tokens")),
        audio_tokens=read_count(of_prompt.get("audio_tokens")),
        cached_tokens=read_count(of_prompt.get("cached_tokens")),
        reasoning_tokens=read_count(of_completion.get("reasoning_tokens")),
    )


def counts_no_audio(completion: Completion) -> bool:
    """Return whether the service reports zero audio tokens; no report is not zero."""
    details = _find_details(completion.usage or {}, "prompt_tokens_details")
    return details.get("audio_tokens") == 0


def read_choice(answer: dict[str, Any]) -> dict[str, Any] | None:
    """Return the first choice of a response or chunk, None if it has none."""
    choices = answer.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    return first if isinstance(first, dict) else None


def read_finish(choice: dict[str, Any]) -> str | None:
    """Return the finish reason of a choice, None while it has not finished."""
    reason = choice.get("finish_reason")
    return reason if isinstance(reason, str) else None


def _build_turn(turn: Turn, build_audio_part: BuildAudioPart) -> dict[str, Any]:
    text = clean(turn.text)
    if not turn.audios:
        return {"role": turn.role, "content": text}
    parts = [build_audio_part(audio) for audio in turn.audios]
    text_part = {"type": "text", "text": text if text.strip() else _NO_TEXT}
    return {"role": turn.role, "content": [*parts, text_part]}


def _read_reasoning(part: dict[str, Any]) -> str:
    return _read_text(part, "reasoning_content") or _read_text(part, "reasoning")


def _read_text(part: dict[str, Any], name: str) -> str:
    """Return a text of a message or delta. Most deltas have none, or nulls."""
    text = part.get(name)
    return text if isinstance(text, str) else ""


def _find_usage(answer: dict[str, Any]) -> dict[str, Any] | None:
    usage = answer.get("usage")
    return usage if isinstance(usage, dict) else None


def _find_details(usage: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the parts of a count of tokens; services send `{}` or null too."""
    details = usage.get(name)
    return details if isinstance(details, dict) else {}
