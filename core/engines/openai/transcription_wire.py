"""Requests and responses of OpenAI's "Create transcription", and its errors. Pure.

Source: OpenAI API reference, "Create transcription" and "Error codes"; other
servers also report errors as `{"error": "text"}` or without JSON.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from core.engines.wire.errors import (
    ErrorBody,
    clean,
    find_code,
    make_error,
    read_count,
    read_error_body,
    read_json,
    read_retry_after,
    read_seconds,
)
from core.errors import EngineBadReply, EngineError, EngineLocked, NotSent
from core.models import Audio, Segment, Transcript, Usage

NAME = "openai"
MAX_BYTES = 25_000_000
#: Accepted MIME types -> OpenAI's names of them; the preferred one to convert to first.
FORMATS = {
    "audio/mpeg": "mp3",
    "audio/wav": "wav",
    "audio/mp3": "mp3",
    "audio/x-wav": "wav",
}
_MIMES = {"wav": "audio/wav", "mp3": "audio/mpeg"}
#: Codes that take precedence over the status.
_CODES = {"insufficient_quota": 402, "invalid_api_key": 401, "content_policy_violation": 400}


def build_transcription(
    audio: Audio,
    *,
    model: str,
    language: str | None,
    has_segments: bool,
    temperature: float | None = None,
) -> dict[str, Any]:
    """Return the form (`data` and `files`) that transcribes `audio`.

    language: BCP 47, of which only the first part is sent. has_segments: request times too.
    Raises NotSent unless it is WAV or MP3 of at most MAX_BYTES.
    """
    audio_format = find_format(audio, MAX_BYTES)
    data = {"model": model, "response_format": "verbose_json" if has_segments else "json"}
    if language:
        data["language"] = language.lower().split("-")[0]
    if temperature is not None:
        data["temperature"] = f"{temperature:g}"
    return {
        "data": data,
        "files": {"file": (f"audio.{audio_format}", audio.data, _MIMES[audio_format])},
    }


def find_format(audio: Audio, max_bytes: int) -> str:
    """Return OpenAI's name of the format of `audio`: "wav" or "mp3".

    Raises NotSent if it is neither, or larger than `max_bytes`.
    """
    audio_format = FORMATS.get(audio.mime)
    if audio_format is None or audio.url:
        raise NotSent("neither WAV nor MP3", reason="the format is not supported")
    if len(audio.data) > max_bytes:
        raise NotSent("too many bytes", reason="the recording is too large")
    return audio_format


def read_transcription(body: bytes, *, model: str) -> Transcript:
    """Return the transcript in `body`, with times if it has some.

    Raises EngineError: what `read_error` returns for an error inside, EngineBadReply.
    """
    answer = read_json(body)
    if answer.get("error"):
        raise read_error(200, body)
    text = answer.get("text")
    if not isinstance(text, str):
        raise EngineBadReply("no text")
    segments = answer.get("segments")
    entries = segments if isinstance(segments, list) else []
    return Transcript(
        text=clean(text).strip(),
        segments=tuple(_read_segment(e) for e in entries if isinstance(e, dict) and e.get("text")),
        duration_s=read_seconds(answer.get("duration")),
        usage=_read_usage(answer, model),
    )


def read_error(status: int, body: bytes | str, retry_after: str | None = None) -> EngineError:
    """Return the EngineError for an error response.

    retry_after: the header, as seconds or an HTTP date.
    """
    found = read_error_body(body)
    error = found or ErrorBody()
    code = _CODES.get(error.code) or _CODES.get(error.type) or find_code(error) or status
    wait_s = read_retry_after(retry_after)
    if code == 402:
        return EngineLocked(f"{error.label(status)}: the quota is used up", retry_after_s=wait_s)
    # Here `param` is the name of a field, and the message says what is wrong with it.
    return make_error(code, found and replace(found, param=""), wait_s)


def _read_segment(entry: dict[str, Any]) -> Segment:
    start_s = read_seconds(entry.get("start"))
    return Segment(
        start_s=start_s,
        end_s=max(start_s, read_seconds(entry.get("end"))),
        text=clean(str(entry["text"])).strip(),
    )


def _read_usage(answer: dict[str, Any], model: str) -> Usage:
    found = answer.get("usage")
    usage = found if isinstance(found, dict) else {}
    details = usage.get("input_token_details")
    return Usage(
        engine=NAME,
        model=model,
        audio_s=read_seconds(usage.get("seconds")) or read_seconds(answer.get("duration")),
        prompt_tokens=read_count(usage.get("input_tokens")),
        completion_tokens=read_count(usage.get("output_tokens")),
        audio_tokens=read_count(details.get("audio_tokens")) if isinstance(details, dict) else 0,
    )
