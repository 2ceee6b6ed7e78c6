"""Xiaomi MiMo's wire: our values to its JSON and back. Pure, no input or output.

Sources: MiMo docs, "Speech Recognition (MiMo-V2.5-ASR)" and its API reference, 2026-06-02; error
codes, 2026-05-12; bodies of errors as their receivers have published them.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from core.engines.wire import (
    ErrorBody,
    clean,
    find_code,
    make_error,
    make_missing,
    read_count,
    read_error_body,
    read_json,
    read_retry_after,
    read_seconds,
)
from core.errors import EngineBadReply, EngineError, EngineLocked, EngineRefused, ModelGone
from core.models import Audio, Transcript, Usage

NAME = "mimo"
#: The base64 text of one sound may have 10 MB; this leaves room for the data URL's head.
MAX_BYTES = 7_499_900
#: A part of a body on its way; a multiple of 3, so that base64 has no seams.
_PART_BYTES = 48 * 1024
#: An answer holds 2,000 tokens; far beyond that it is no transcript.
_MAX_TEXT_CHARS = 50_000
_MIMES = {
    "audio/wav": "audio/wav",
    "audio/x-wav": "audio/wav",
    "audio/mpeg": "audio/mpeg",
    "audio/mp3": "audio/mpeg",
}
_LANGUAGES = frozenset({"zh", "en"})
#: In the ids of all models that hear.
_KIND = "asr"
_NO_MODEL = re.compile(r"\b(?:un|not )supported model\b")
_THOUGHTS = "thoughts instead of words: this model does not transcribe"
_STOPPED_EARLY = frozenset({"length", "repetition_truncation"})
#: Codes for error types, where a body has a type and no code.
_TYPES = {
    "invalid_key": 401,
    "insufficient_balance": 402,
    "content_filter": 421,
    "limitation": 429,
}


@dataclass(frozen=True, slots=True)
class Hearing:
    """What a stream has told so far."""

    text: str = ""
    finish_reason: str | None = None
    usage: Usage | None = None
    is_done: bool = False


def build_transcription(
    audio: Audio, *, model: str, language: str | None = None, is_streamed: bool = False
) -> dict[str, Any]:
    """Return the body that asks for the words in `audio`.

    language: BCP 47; what is neither Chinese nor English is left to the engine to detect.
    Raises EngineRefused if the service would not take it: only WAV and MP3 up to MAX_BYTES.
    """
    sound = {"type": "input_audio", "input_audio": {"data": make_data_url(audio)}}
    primary = (language or "").lower().split("-")[0]
    return {
        "model": model,
        "messages": [{"role": "user", "content": [sound]}],
        "asr_options": {"language": primary if primary in _LANGUAGES else "auto"},
        **({"stream": True} if is_streamed else {}),
    }


@dataclass(frozen=True, slots=True)
class Body:
    """A body whose sound is encoded while it is sent: it is megabytes, eight times at once."""

    head: bytes
    sound: bytes
    tail: bytes

    @property
    def headers(self) -> dict[str, str]:
        """What the service must know of the body beforehand."""
        size = len(self.head) + (len(self.sound) + 2) // 3 * 4 + len(self.tail)
        return {"content-type": "application/json", "content-length": str(size)}

    def __iter__(self) -> Iterator[bytes]:
        """Yield the body in parts."""
        yield self.head
        for start in range(0, len(self.sound), _PART_BYTES):
            yield b64encode(self.sound[start : start + _PART_BYTES])
        yield self.tail


def encode_transcription(
    audio: Audio, *, model: str, language: str | None = None, is_streamed: bool = False
) -> Body:
    """Return the body of `build_transcription` as it is sent. Raises EngineRefused as it does."""
    _find_mime(audio)
    empty = replace(audio, data=b"")
    body = build_transcription(empty, model=model, language=language, is_streamed=is_streamed)
    head, mark, tail = json.dumps(body).encode().partition(b";base64,")
    return Body(head + mark, audio.data, tail)


def make_data_url(audio: Audio) -> str:
    """Return `audio` as the service takes it. Raises EngineRefused where it would not take it."""
    return f"data:{_find_mime(audio)};base64,{b64encode(audio.data).decode('ascii')}"


def _find_mime(audio: Audio) -> str:
    """Return the type that the service knows. Raises EngineRefused where it takes no such sound."""
    mime = _MIMES.get(audio.mime)
    if mime is None:
        raise EngineRefused("neither WAV nor MP3", reason="the format is not supported")
    if len(audio.data) > MAX_BYTES:
        raise EngineRefused("over 10 MB in base64", reason="the recording is too large")
    return mime


def read_transcription(body: bytes, *, model: str) -> Transcript:
    """Return the words in the plain answer `body`. No words are a legal answer.

    Raises EngineError: what `read_error` makes of an error inside, EngineBadReply.
    """
    answer = read_answer(body, model, kind=_KIND)
    choice = read_choice(answer)
    if choice is None:
        raise EngineBadReply("no choices")
    message = choice.get("message")
    if not isinstance(message, dict) or not isinstance(text := message.get("content"), str):
        raise EngineBadReply("no content")
    if not text and message.get("reasoning_content"):
        raise EngineBadReply(_THOUGHTS)
    return _make_transcript(text, read_finish(choice), _read_usage(answer, model))


def read_transcription_event(data: str, hearing: Hearing, *, model: str) -> Hearing:
    """Return `hearing` moved on by the data of one server-sent event.

    Raises EngineError as `read_transcription` does.
    """
    if data.strip() == "[DONE]":
        return replace(hearing, is_done=True)
    chunk = read_answer(data, model, kind=_KIND)
    hearing = replace(hearing, usage=_read_usage(chunk, model) or hearing.usage)
    choice = read_choice(chunk)
    if choice is None:
        return hearing
    text = hearing.text + _read_delta(choice)
    if text != hearing.text and (hearing.finish_reason or hearing.is_done):
        raise EngineBadReply("words after the end")
    if len(text) > _MAX_TEXT_CHARS:
        raise EngineBadReply("more words than anybody can say")
    reason = read_finish(choice) or hearing.finish_reason
    return replace(hearing, text=text, finish_reason=reason)


def read_transcription_end(hearing: Hearing) -> Transcript:
    """Return the words of a stream that has ended.

    Raises EngineBadReply if it ended before its end: part of a text never passes for the whole.
    """
    if not hearing.is_done:
        raise EngineBadReply("the stream ended too early")
    return _make_transcript(hearing.text, hearing.finish_reason, hearing.usage)


def read_models(body: bytes) -> frozenset[str]:
    """Return the ids that the service lists."""
    entries = _read_list(read_json(body), "data")
    return frozenset(
        e["id"] for e in entries if isinstance(e, dict) and isinstance(e.get("id"), str)
    )


def read_error(status: int, body: bytes | str, retry_after: str | None = None) -> EngineError:
    """Return what an error of the service means to us.

    The code inside the body decides before the HTTP status: gateways change the latter.
    retry_after: the header, as seconds or an HTTP date.
    """
    found = read_error_body(body)
    error = found or ErrorBody()
    code = find_code(error) or _TYPES.get(error.type) or status
    wait_s = read_retry_after(retry_after)
    if _NO_MODEL.search(error.text):
        return ModelGone(f"{error.label(code)}: the model is not known")
    if code == 404:
        return make_missing(found)
    if code == 429 and "quota" in error.text:
        return EngineLocked(f"{error.label(429)}: the quota is used up", retry_after_s=wait_s)
    return make_error(code, error, wait_s)


def read_answer(body: bytes | str, model: str, *, kind: str) -> dict[str, Any]:
    """Return a good answer, not one of a chat model: these answer a recording with prose.

    kind: what the ids of the models that could have been meant have in common.
    Raises EngineError: what `read_error` makes of an error inside, EngineBadReply.
    """
    answer = read_json(body)
    if answer.get("error"):
        raise read_error(200, body)
    who = answer.get("model")
    is_meant = isinstance(who, str) and (who == model or kind in who.lower())
    if who is not None and not is_meant:
        raise EngineBadReply(f"another model answered, one that is no {kind} model")
    return answer


def read_choice(answer: dict[str, Any]) -> dict[str, Any] | None:
    """Return the first choice of an answer or chunk, None if it has none."""
    choices = _read_list(answer, "choices")
    return choices[0] if choices and isinstance(choices[0], dict) else None


def _read_list(answer: dict[str, Any], name: str) -> list[Any]:
    value = answer.get(name)
    return value if isinstance(value, list) else []


def _read_delta(choice: dict[str, Any]) -> str:
    """Return the words that a chunk adds. Most have none, or nulls."""
    delta = choice.get("delta")
    if not isinstance(delta, dict):
        return ""
    if delta.get("reasoning_content"):
        raise EngineBadReply(_THOUGHTS)
    text = delta.get("content")
    return text if isinstance(text, str) else ""


def read_finish(choice: dict[str, Any]) -> str | None:
    """Return why a choice ended, None while it has not."""
    reason = choice.get("finish_reason")
    return reason if isinstance(reason, str) else None


def _read_usage(answer: dict[str, Any], model: str) -> Usage | None:
    usage = answer.get("usage")
    if not isinstance(usage, dict):
        return None
    return Usage(
        engine=NAME,
        model=model,
        audio_s=read_seconds(usage.get("seconds")),
        prompt_tokens=read_count(usage.get("prompt_tokens")),
        completion_tokens=read_count(usage.get("completion_tokens")),
    )


def _make_transcript(text: str, finish_reason: str | None, usage: Usage | None) -> Transcript:
    if finish_reason == "content_filter":
        raise EngineRefused("content_filter", reason="it did not pass the service's moderation")
    if finish_reason != "stop" and finish_reason not in _STOPPED_EARLY:
        raise EngineBadReply("the answer does not say that it is whole")
    is_cut = finish_reason in _STOPPED_EARLY
    return Transcript(text=clean(text).strip(), is_cut=is_cut, usage=usage)
