"""Xiaomi MiMo's wire: our values to its JSON and back. Pure, no input or output.

Sources: MiMo docs, "Speech Recognition (MiMo-V2.5-ASR)" and its API reference, 2026-06-02; error
codes, 2026-05-12; bodies of errors as their receivers have published them.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from typing import Any

from core.engines.wire.body import PLACEHOLDER, Body, encode_body
from core.engines.wire.chat import Completion, read_end, read_usage
from core.engines.wire.errors import (
    ErrorBody,
    clean,
    find_code,
    find_model_gone,
    make_error,
    make_not_found,
    read_error_body,
    read_json,
    read_retry_after,
)
from core.errors import EngineBadReply, EngineError, EngineLocked, EngineRefused
from core.models import Audio, Transcript

NAME = "mimo"
#: The base64 text of one sound may have 10 MB; this leaves room for the data URL's head.
MAX_BYTES = 7_499_900
#: An answer holds 2,000 tokens; far beyond that it is no transcript.
_MAX_TEXT_CHARS = 50_000
_MIMES = {
    "audio/wav": "audio/wav",
    "audio/x-wav": "audio/wav",
    "audio/mpeg": "audio/mpeg",
    "audio/mp3": "audio/mpeg",
}
_LANGUAGES = frozenset({"zh", "en"})
#: Codes for error types, where a body has a type and no code.
_TYPES = {
    "invalid_key": 401,
    "insufficient_balance": 402,
    "content_filter": 421,
    "limitation": 429,
}


def build_transcription(
    audio: Audio,
    *,
    model: str,
    language: str | None = None,
    temperature: float | None = None,
    is_streamed: bool = False,
) -> Body:
    """Return the body that asks for the words in `audio`.

    language: BCP 47; what is neither Chinese nor English is left to the engine to detect.
    Raises EngineRefused if the service would not take it: only WAV and MP3 up to MAX_BYTES.
    """
    sound = build_audio_part(audio, _MIMES, MAX_BYTES)
    primary = (language or "").lower().split("-")[0]
    body = {
        "model": model,
        "messages": [{"role": "user", "content": [sound]}],
        "asr_options": {"language": primary if primary in _LANGUAGES else "auto"},
        **({"temperature": temperature} if temperature is not None else {}),
        **({"stream": True} if is_streamed else {}),
    }
    return encode_body(body, [audio.data])


def build_audio_part(audio: Audio, mimes: Mapping[str, str], max_bytes: int) -> dict[str, Any]:
    """Return the part of a message that is `audio`, with MARK in the place of its base64.

    mimes: our names of the types that are taken, to the service's.
    Raises EngineRefused if it is of another type, or larger than `max_bytes`.
    """
    data = f"data:{_find_mime(audio, mimes, max_bytes)};base64,{PLACEHOLDER}"
    return {"type": "input_audio", "input_audio": {"data": data}}


def make_data_url(audio: Audio) -> str:
    """Return a sample of a voice as the service takes it. Raises EngineRefused as `build_audio_part`."""
    mime = _find_mime(audio, _MIMES, MAX_BYTES)
    return f"data:{mime};base64,{b64encode(audio.data).decode('ascii')}"


def _find_mime(audio: Audio, mimes: Mapping[str, str], max_bytes: int) -> str:
    mime = mimes.get(audio.mime)
    if mime is None:
        raise EngineRefused("a type it does not take", reason="the format is not supported")
    if len(audio.data) > max_bytes:
        raise EngineRefused("larger than it takes", reason="the recording is too large")
    return mime


def read_heard(body: bytes | str, model: str) -> dict[str, Any]:
    """Return the JSON of an answer, or of a part of it, by a model that hears.

    Raises EngineError as `read_response` does.
    """
    return read_response(body, model, kind="asr")


def make_transcript(completion: Completion, *, model: str) -> Transcript:
    """Return the words that an answer told. No words are a legal answer.

    Raises EngineBadReply if there were thoughts instead of words, and as `read_end` does.
    """
    if completion.reasoning_content and not completion.content:
        raise EngineBadReply("thoughts instead of words: this model does not transcribe")
    if len(completion.content) > _MAX_TEXT_CHARS:
        raise EngineBadReply("more words than anybody can say")
    is_cut, text = read_end(completion), clean(completion.content).strip()
    return Transcript(text=text, is_cut=is_cut, usage=read_usage(completion, NAME, model))


def read_error(status: int, body: bytes | str, retry_after: str | None = None) -> EngineError:
    """Return what an error of the service means to us.

    The code inside the body decides before the HTTP status: gateways change the latter.
    retry_after: the header, as seconds or an HTTP date.
    """
    found = read_error_body(body)
    error = found or ErrorBody()
    code = find_code(error) or _TYPES.get(error.type) or status
    wait_s = read_retry_after(retry_after)
    if gone := find_model_gone(code, error):
        return gone
    if code == 404:
        return make_not_found(found)
    if code == 429 and "quota" in error.text:
        return EngineLocked(f"{error.label(429)}: the quota is used up", retry_after_s=wait_s)
    return make_error(code, error, wait_s)


def read_response(body: bytes | str, model: str, *, kind: str = "") -> dict[str, Any]:
    """Return the JSON of an answer, or of a part of it.

    kind: what the ids of the models that could have been meant have in common: a chat model that
    was not meant answers a recording with prose.
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
