"""Requests and responses of MiMo's speech recognition, and its errors. Pure.

Sources: MiMo docs, "Speech Recognition (MiMo-V2.5-ASR)" and its API reference, 2026-06-02; error
codes, 2026-05-12; error bodies as published in bug reports.
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
    make_error,
    read_error_body,
    read_json,
    read_retry_after,
)
from core.errors import EngineBadReply, EngineError, EngineLocked, NotSent
from core.models import Audio, Transcript

NAME = "mimo"
#: The base64 text of one audio may have 10 MB; this leaves room for the data URL's head.
MAX_BYTES = 7_499_900
#: A response has at most 2,000 tokens; anything far longer is not a transcript.
_MAX_TEXT_CHARS = 50_000
_MIMES = {
    "audio/wav": "audio/wav",
    "audio/x-wav": "audio/wav",
    "audio/mpeg": "audio/mpeg",
    "audio/mp3": "audio/mpeg",
}
_LANGUAGES = frozenset({"zh", "en"})
#: Error codes by type, for bodies without a code.
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
    """Return the request body that transcribes `audio`.

    language: BCP 47; other languages than Chinese and English are left to detection.
    Raises NotSent unless it is WAV or MP3 of at most MAX_BYTES.
    """
    content = build_audio_part(audio, _MIMES, MAX_BYTES)
    body = {
        "model": model,
        "messages": [{"role": "user", "content": [content]}],
        "asr_options": {"language": pick_language(language) or "auto"},
        **({"temperature": temperature} if temperature is not None else {}),
        **({"stream": True} if is_streamed else {}),
    }
    return encode_body(body, [audio.data])


def pick_language(language: str | None) -> str | None:
    """Return the language to send, None for those that MiMo detects best by itself."""
    primary = (language or "").lower().split("-")[0]
    return primary if primary in _LANGUAGES else None


def build_audio_part(audio: Audio, mimes: Mapping[str, str], max_bytes: int) -> dict[str, Any]:
    """Return the content part for `audio`, with PLACEHOLDER for its base64.

    mimes: accepted MIME types -> the service's names of them.
    Raises NotSent if it has another type, or more than `max_bytes`.
    """
    data = f"data:{_find_mime(audio, mimes, max_bytes)};base64,{PLACEHOLDER}"
    return {"type": "input_audio", "input_audio": {"data": data}}


def make_data_url(audio: Audio) -> str:
    """Return the data URL of a voice sample. Raises NotSent as `build_audio_part` does."""
    mime = _find_mime(audio, _MIMES, MAX_BYTES)
    return f"data:{mime};base64,{b64encode(audio.data).decode('ascii')}"


def _find_mime(audio: Audio, mimes: Mapping[str, str], max_bytes: int) -> str:
    mime = mimes.get(audio.mime)
    if mime is None:
        raise NotSent("unsupported MIME type", reason="the format is not supported")
    if len(audio.data) > max_bytes:
        raise NotSent("too many bytes", reason="the recording is too large")
    return mime


def make_transcript(completion: Completion, *, model: str) -> Transcript:
    """Return the transcript in `completion`, which may be empty.

    Raises EngineBadReply if there was only reasoning, and as `read_end` does.
    """
    if completion.reasoning_content and not completion.content:
        raise EngineBadReply("only reasoning: this model does not transcribe")
    if len(completion.content) > _MAX_TEXT_CHARS:
        raise EngineBadReply("more words than anybody can say in one piece")
    is_cut, text = read_end(completion), clean(completion.content).strip()
    return Transcript(text=text, is_cut=is_cut, usage=read_usage(completion, NAME, model))


def read_error(status: int, body: bytes | str, retry_after: str | None = None) -> EngineError:
    """Return the EngineError for an error response.

    The code in the body takes precedence over the HTTP status, which gateways change.
    retry_after: the header, as seconds or an HTTP date.
    """
    found = read_error_body(body)
    error = found or ErrorBody()
    code = find_code(error) or _TYPES.get(error.type) or status
    wait_s = read_retry_after(retry_after)
    if code == 429 and "quota" in error.text:
        return EngineLocked(f"{error.label(429)}: the quota is used up", retry_after_s=wait_s)
    return make_error(code, found, wait_s)


def read_response(body: bytes | str, model: str, *, kind: str = "") -> dict[str, Any]:
    """Return the JSON of a response or chunk.

    kind: substring of the ids of acceptable models. A chat model that the service substitutes
    would answer a recording with prose.
    Raises EngineError: what `read_error` returns for an error inside, EngineBadReply.
    """
    response = read_json(body)
    if response.get("error"):
        raise read_error(200, body)
    actual = response.get("model")
    is_expected = isinstance(actual, str) and (actual == model or kind in actual.lower())
    if actual is not None and not is_expected:
        raise EngineBadReply(f"answered by another model, which is not a {kind} model")
    return response
