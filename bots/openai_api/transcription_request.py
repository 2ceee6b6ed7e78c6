"""What a program wants written down: the form of a transcription, read and checked."""

from __future__ import annotations

import re
from dataclasses import dataclass

from starlette.datastructures import FormData, UploadFile

from bots.openai_api.errors import refuse
from bots.openai_api.fields import read_choice, refuse_unknown

FORMATS = ("json", "text", "verbose_json", "srt", "vtt")
#: Formats whose text can be given on while it grows.
STREAMED = ("json", "text")
MAX_TEMPERATURE = 1.0
_FIELDS = (
    *("file", "model", "language", "temperature", "response_format", "stream", "prompt"),
    *("timestamp_granularities", "include", "chunking_strategy"),
)
_FLAGS = {"": False, "false": False, "0": False, "true": True, "1": True}
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}")


@dataclass(frozen=True, slots=True)
class TranscriptionRequest:
    """A recording and how its words are wanted."""

    data: bytes
    model: str
    #: BCP 47, None = detect.
    language: str | None
    temperature: float | None
    response_format: str
    is_streamed: bool


async def read_transcription(form: FormData) -> TranscriptionRequest:
    """Return what is wanted. Raises ApiError."""
    texts = _read_texts(form)
    _refuse_impossible(texts)
    upload = form.get("file")
    data = await upload.read() if isinstance(upload, UploadFile) else b""
    if not data:
        raise refuse("file is required", "file")
    response_format = read_choice(dict(_last(texts)), "response_format", FORMATS)
    wanted = TranscriptionRequest(
        data=data,
        model=_get(texts, "model"),
        language=_read_language(_get(texts, "language")),
        temperature=_read_temperature(_get(texts, "temperature")),
        response_format=response_format,
        is_streamed=_read_stream(_get(texts, "stream")),
    )
    _check_granularities(texts.get("timestamp_granularities", []), response_format)
    if wanted.is_streamed and response_format not in STREAMED:
        raise refuse(f"stream is for {' and '.join(STREAMED)} only", "stream")
    return wanted


def _read_texts(form: FormData) -> dict[str, list[str]]:
    """Return the fields that are no file; a list may have "[]" behind its name."""
    texts: dict[str, list[str]] = {}
    for name, value in form.multi_items():
        if isinstance(value, str):
            texts.setdefault(name.removesuffix("[]"), []).append(value)
        elif name != "file":
            raise refuse(f"{name[:100]!r} is no file that is known", name[:100])
    refuse_unknown(texts, _FIELDS)
    return texts


def _last(texts: dict[str, list[str]]) -> list[tuple[str, str]]:
    return [(name, values[-1]) for name, values in texts.items()]


def _get(texts: dict[str, list[str]], name: str) -> str:
    return texts.get(name, [""])[-1].strip()


def _refuse_impossible(texts: dict[str, list[str]]) -> None:
    """Refuse what no model here can do, instead of passing it over."""
    if _get(texts, "prompt"):
        raise refuse("transcription does not support prompt", "prompt")
    if any(value.strip() for value in texts.get("include", [])):
        raise refuse("transcription does not support include", "include")
    if _get(texts, "chunking_strategy") not in ("", "auto"):
        text = "recordings are cut at quiet places: chunking_strategy can only be auto"
        raise refuse(text, "chunking_strategy")


def _check_granularities(values: list[str], response_format: str) -> None:
    name = "timestamp_granularities"
    wanted = {value.strip() for value in values if value.strip()}
    if wanted - {"segment"}:
        raise refuse(f"transcription does not support {name} other than segment", name)
    if wanted and response_format != "verbose_json":
        raise refuse(f"{name} needs response_format verbose_json", name)


def _read_language(text: str) -> str | None:
    if text.lower() in ("", "auto"):
        return None
    if not _LANGUAGE.fullmatch(text):
        raise refuse("language must be a code such as en or zh", "language")
    return text


def _read_temperature(text: str) -> float | None:
    if not text:
        return None
    try:
        temperature = float(text)
    except ValueError:
        raise refuse("temperature must be a number", "temperature") from None
    if not 0 <= temperature <= MAX_TEMPERATURE:
        raise refuse(f"temperature must be between 0 and {MAX_TEMPERATURE:g}", "temperature")
    return temperature


def _read_stream(text: str) -> bool:
    if text.lower() not in _FLAGS:
        raise refuse("stream must be true or false", "stream")
    return _FLAGS[text.lower()]
