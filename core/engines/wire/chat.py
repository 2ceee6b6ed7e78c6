"""The wire of chat completions, as OpenAI made it and many services speak it. Pure.

Sources: OpenAI API reference, "Chat Completions"; MiMo docs, "Audio Understanding" and "Deep
Thinking", 2026: thoughts come as `reasoning_content` beside the words. Servers without a parser
for thoughts leave them in the words, between <think> and </think>.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from core.engines.wire.errors import clean, read_count, read_seconds
from core.errors import EngineBadReply, EngineRefused
from core.models import Answer, Audio, Question, Turn, Usage

_THINK, _THOUGHT = "<think>", "</think>"
_STOPPED_EARLY = frozenset({"length", "repetition_truncation"})
#: Far beyond any answer that was asked for.
_MAX_TEXT_CHARS = 1_000_000
#: A recording alone may be the question, but a message must have a text.
_NO_WORDS = "Answer what is said in the recording."

BuildAudioPart = Callable[[Audio], dict[str, Any]]
#: Reads foreign JSON and raises what an error inside it means.
ReadJson = Callable[[bytes | str], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Completion:
    """What an answer has told, so far where it is streamed."""

    content: str = ""
    reasoning_content: str = ""
    finish_reason: str | None = None
    #: The service's own count, as it came.
    usage: dict[str, Any] | None = None
    is_done: bool = False

    @property
    def text(self) -> str:
        """The words without any thought: fit to be shown."""
        return clean(self._split()[1])

    @property
    def reasoning(self) -> str:
        """The thoughts, wherever they came."""
        return clean(self.reasoning_content or self._split()[0]).strip()

    def _split(self) -> tuple[str, str]:
        """Return thoughts and words; what may still become <think> is neither yet."""
        start = self.content.lstrip()
        if not self.finish_reason and _THINK.startswith(start):
            return "", ""
        if not start.startswith(_THINK):
            return "", self.content
        thoughts, _, words = start.removeprefix(_THINK).partition(_THOUGHT)
        return thoughts, words.lstrip()


def build_messages(question: Question, build_audio_part: BuildAudioPart) -> list[dict[str, Any]]:
    """Return the system prompt and the turns of `question`; texts are clean.

    show_audio: the content part of a recording, with `body.PLACEHOLDER` in the place of its base64.
    """
    system = {"role": "system", "content": clean(question.instructions)}
    turns = [_build_turn(turn, build_audio_part) for turn in question.turns]
    return [system, *turns] if question.instructions else turns


def has_audio(question: Question) -> bool:
    """Tell whether a recording goes along with `question`."""
    return any(turn.audios for turn in question.turns)


def find_audio_data(question: Question) -> tuple[bytes, ...]:
    """Return the sounds that are sent along, in the order of the messages: those without a URL."""
    return tuple(a.data for turn in question.turns for a in turn.audios if not a.url)


def read_completion(answer: dict[str, Any]) -> Completion:
    """Return what a plain answer tells. Raises EngineBadReply if it is none."""
    choice = read_choice(answer)
    message = choice.get("message") if choice else None
    if choice is None or not isinstance(message, dict):
        raise EngineBadReply("no choices")
    if not isinstance(message.get("content"), str) and not _read_thoughts(message):
        raise EngineBadReply("no content")
    return Completion(
        content=_read_text(message, "content"),
        reasoning_content=_read_thoughts(message),
        finish_reason=read_finish(choice),
        usage=_find_usage(answer),
        is_done=True,
    )


def read_event(data: str, completion: Completion, read_json: ReadJson) -> Completion:
    """Return `completion` moved on by the data of one server-sent event.

    Raises EngineBadReply, and what `read_json` raises for an error inside.
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
    words, thoughts = _read_text(delta, "content"), _read_thoughts(delta)
    if (words or thoughts) and (completion.finish_reason or completion.is_done):
        raise EngineBadReply("words after the end")
    if len(completion.content) + len(completion.reasoning_content) > _MAX_TEXT_CHARS:
        raise EngineBadReply("more words than were asked for")
    return replace(
        completion,
        content=completion.content + words,
        reasoning_content=completion.reasoning_content + thoughts,
        finish_reason=read_finish(choice) or completion.finish_reason,
    )


def read_end(completion: Completion) -> bool:
    """See that an answer has ended well; return whether it stopped before its end.

    Raises as `is_cut_by` does, and EngineBadReply if a stream broke off.
    """
    if not completion.is_done:
        raise EngineBadReply("the stream ended too early")
    return is_cut_by(completion.finish_reason)


def is_cut_by(finish_reason: str | None) -> bool:
    """Tell whether an answer that ended for this reason stopped before its end.

    Raises EngineRefused if moderation ended it, EngineBadReply if the reason is none: part of a
    text never passes for the whole.
    """
    if finish_reason == "content_filter":
        raise EngineRefused("content_filter", reason="it did not pass the service's moderation")
    if finish_reason != "stop" and finish_reason not in _STOPPED_EARLY:
        raise EngineBadReply("the answer does not say that it is whole")
    return finish_reason in _STOPPED_EARLY


def make_answer(completion: Completion, usage: Usage | None) -> Answer:
    """Return the answer that was told; its text is empty where there were only thoughts.

    Raises EngineError as `read_end` does, EngineBadReply if there are not even thoughts.
    """
    is_cut, text = read_end(completion), completion.text.strip()
    if not text and not completion.reasoning:
        raise EngineBadReply("neither words nor thoughts")
    return Answer(text, is_cut=is_cut, reasoning=completion.reasoning, usage=usage)


def combine_answers(first: Answer, second: Answer) -> Answer:
    """Return what remains of a question whose `first` answer was nothing but thoughts.

    second: the answer without thinking. Where it has no words either, the thoughts are all there
    is, and are marked as such.
    """
    usage = _add_up(first.usage, second.usage)
    if second.text:
        return replace(second, usage=usage)
    thoughts = second.reasoning or first.reasoning
    # Thoughts that were cut are no text to be continued.
    return replace(second, text=thoughts, is_thought=True, is_cut=False, usage=usage)


def read_usage(completion: Completion, engine: str, model: str) -> Usage | None:
    """Return what an answer cost, None if it does not say."""
    usage = completion.usage
    if usage is None:
        return None
    return Usage(
        engine=engine,
        model=model,
        audio_s=read_seconds(usage.get("seconds")),
        prompt_tokens=read_count(usage.get("prompt_tokens")),
        completion_tokens=read_count(usage.get("completion_tokens")),
    )


def counts_no_audio(completion: Completion) -> bool:
    """Tell whether the service says that it counted no sound; saying nothing is not saying so."""
    details = (completion.usage or {}).get("prompt_tokens_details")
    return isinstance(details, dict) and details.get("audio_tokens") == 0


def read_choice(answer: dict[str, Any]) -> dict[str, Any] | None:
    """Return the first choice of an answer or chunk, None if it has none."""
    choices = answer.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    return first if isinstance(first, dict) else None


def read_finish(choice: dict[str, Any]) -> str | None:
    """Return why a choice ended, None while it has not."""
    reason = choice.get("finish_reason")
    return reason if isinstance(reason, str) else None


def _build_turn(turn: Turn, build_audio_part: BuildAudioPart) -> dict[str, Any]:
    text = clean(turn.text)
    if not turn.audios:
        return {"role": turn.role, "content": text}
    parts = [build_audio_part(audio) for audio in turn.audios]
    text_part = {"type": "text", "text": text if text.strip() else _NO_WORDS}
    return {"role": turn.role, "content": [*parts, text_part]}


def _read_thoughts(part: dict[str, Any]) -> str:
    return _read_text(part, "reasoning_content") or _read_text(part, "reasoning")


def _read_text(part: dict[str, Any], name: str) -> str:
    """Return a text of a message or delta. Most deltas have none, or nulls."""
    text = part.get(name)
    return text if isinstance(text, str) else ""


def _find_usage(answer: dict[str, Any]) -> dict[str, Any] | None:
    usage = answer.get("usage")
    return usage if isinstance(usage, dict) else None


def _add_up(first: Usage | None, second: Usage | None) -> Usage | None:
    if first is None or second is None:
        return first or second
    return replace(
        second,
        prompt_tokens=first.prompt_tokens + second.prompt_tokens,
        completion_tokens=first.completion_tokens + second.completion_tokens,
    )
