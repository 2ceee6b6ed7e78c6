"""The description of the endpoints (OpenAPI): for readers, and for programs that test them."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from bots.openai_api.chat_messages import AUDIO_FORMATS, MAX_MESSAGES
from bots.openai_api.chat_request import MAX_TEMPERATURE, MAX_TOKENS
from bots.openai_api.models import ALIASES, list_served
from bots.openai_api.schema_answers import (
    CHUNK,
    COMPLETION,
    ERROR,
    EVENT,
    MODEL_ENTRY,
    TRANSCRIPTION,
    array,
    choice,
    described,
    text,
    thing,
)
from bots.openai_api.services import Services
from bots.openai_api.speech_request import FORMATS as SPEECH_FORMATS
from bots.openai_api.speech_request import MEDIA_TYPES, STREAM_FORMATS
from bots.openai_api.transcription_request import FORMATS as TRANSCRIPT_FORMATS
from bots.openai_api.transcription_request import MAX_TEMPERATURE as MAX_HEARING

ABOUT = (
    "Recordings to text, text to sound, and questions about recordings: what OpenAI's clients "
    "send, to this machine. Every request needs one of the keys of `API_KEYS`. What cannot be "
    "done is refused with `invalid_request_error`, never passed over; the same request again "
    "costs nothing while its result is kept."
)

_NUMBER: dict[str, Any] = {"type": "number"}
_FLAG: dict[str, Any] = {"type": "boolean"}

_TRANSCRIPTION_FORM = thing(
    {
        "file": described(
            {"type": "string", "format": "binary"},
            "A recording of up to 50 MB and two hours, in any common format of sound or video.",
        ),
        "model": text("A model that hears; see /v1/models."),
        "language": described(
            {"type": "string", "pattern": "^[A-Za-z]{2}(-[A-Za-z]{2,4})?$"},
            "The language that is spoken, such as en or zh; without it, it is detected.",
        ),
        "temperature": {**_NUMBER, "minimum": 0, "maximum": MAX_HEARING},
        "response_format": described(
            choice(TRANSCRIPT_FORMATS),
            "Times are those of sentences or of pieces cut at quiet places. What stands in "
            "verbose_json beside times and text is not measured, and 0.",
        ),
        "timestamp_granularities[]": array(choice(("segment",))),
        "stream": described(_FLAG, "Events while the text grows; for json and text."),
        "chunking_strategy": choice(("auto",)),
    },
    required=("file", "model"),
)
_SPEECH_BODY = thing(
    {
        "model": text("A model that speaks; see /v1/models."),
        "input": {"type": "string", "minLength": 1, "maxLength": 5000},
        "voice": text("A voice of the model. OpenAI's voices stand for the model's own choice."),
        "instructions": text("How it is said: style, mood, pace."),
        "response_format": described(
            choice(SPEECH_FORMATS),
            "wav and pcm (24 kHz, 16 bit, mono) are sent while they are made.",
        ),
        "speed": described({"enum": [1]}, "The pace is set by instructions."),
        "stream_format": choice(STREAM_FORMATS),
    },
    required=("model", "input"),
)
_PART = {
    "anyOf": [
        thing({"type": choice(("text",)), "text": {"type": "string"}}, required=("type", "text")),
        thing(
            {
                "type": choice(("input_audio",)),
                "input_audio": thing(
                    {
                        "data": text("A recording in base64, or as a data URL."),
                        "format": choice(AUDIO_FORMATS),
                    },
                    required=("data", "format"),
                ),
            },
            required=("type", "input_audio"),
        ),
    ]
}
_MESSAGE = thing(
    {
        "role": choice(("system", "developer", "user", "assistant")),
        "content": {
            "anyOf": [
                {"type": "string", "minLength": 1},
                {**array(_PART), "minItems": 1},
            ]
        },
        "reasoning_content": text("What the model thought, given back to it."),
    },
    required=("role", "content"),
)
_CHAT_BODY = thing(
    {
        "model": text("A model that understands; see /v1/models."),
        "messages": {**array(_MESSAGE), "minItems": 1, "maxItems": MAX_MESSAGES},
        "stream": _FLAG,
        "stream_options": thing({"include_usage": _FLAG}),
        "max_completion_tokens": {"type": "integer", "minimum": 1, "maximum": MAX_TOKENS},
        "max_tokens": {"type": "integer", "minimum": 1, "maximum": MAX_TOKENS},
        "temperature": {**_NUMBER, "minimum": 0, "maximum": MAX_TEMPERATURE},
        "thinking": thing({"type": choice(("enabled", "disabled"))}, required=("type",)),
        "reasoning_effort": choice(("none", "minimal", "low", "medium", "high", "xhigh")),
        "n": {"enum": [1]},
        "user": {"type": "string"},
    },
    required=("model", "messages"),
)


def _build_body(media_type: str, form: dict[str, Any]) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": {media_type: {"schema": form}}}}


def _build_answers(content: dict[str, dict[str, Any]], *refusals: int) -> dict[int | str, Any]:
    names = {
        400: "The request cannot be done, and why",
        401: "No key, or one that is not known",
        404: "The model does not exist",
        408: "The body did not come in time",
        413: "More than is taken in",
        415: "The body is of another type",
        429: "The key has used what it may, or the speech service is busy",
        502: "The speech service gave no answer that can be used",
        503: "The speech service cannot be reached",
    }
    schema = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    good = {"description": "Done", "content": {k: {"schema": v} for k, v in content.items()}}
    bad: dict[int | str, Any] = {
        status: {"description": names[status], "content": schema} for status in refusals
    }
    return {200: good, **bad}


_ALL = (400, 401, 404, 408, 413, 415, 429, 502, 503)

TRANSCRIPTIONS: dict[str, Any] = {
    "summary": "Write down a recording",
    "openapi_extra": _build_body("multipart/form-data", _TRANSCRIPTION_FORM),
    "responses": _build_answers(
        {
            "application/json": TRANSCRIPTION,
            "text/event-stream": EVENT,
            **{t: {"type": "string"} for t in ("text/plain", "application/x-subrip", "text/vtt")},
        },
        *_ALL,
    ),
}
SPEECH: dict[str, Any] = {
    "summary": "Say a text",
    "openapi_extra": _build_body("application/json", _SPEECH_BODY),
    "responses": _build_answers(
        {
            **{kind: {"type": "string", "format": "binary"} for kind in MEDIA_TYPES.values()},
            "text/event-stream": EVENT,
        },
        *_ALL,
    ),
}
CHAT: dict[str, Any] = {
    "summary": "Answer a question, also about recordings",
    "openapi_extra": _build_body("application/json", _CHAT_BODY),
    "responses": _build_answers(
        {"application/json": COMPLETION, "text/event-stream": CHUNK}, *_ALL
    ),
}
MODELS: dict[str, Any] = {
    "responses": _build_answers(
        {
            "application/json": thing(
                {"object": choice(("list",)), "data": array(MODEL_ENTRY)},
                required=("object", "data"),
            )
        },
        *(401, 429),
    )
}
MODEL: dict[str, Any] = {
    "responses": _build_answers({"application/json": MODEL_ENTRY}, 401, 404, 429)
}


def complete(app: FastAPI, services: Services) -> dict[str, Any]:
    """Return the whole description: what the routes say, the key, and today's models."""
    if app.openapi_schema is not None:
        return app.openapi_schema
    about = "\n\n".join([ABOUT, *_name_models(services)])
    found = get_openapi(title=app.title, version=app.version, description=about, routes=app.routes)
    parts = found.setdefault("components", {})
    parts["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    # FastAPI's own form of errors is not ours.
    parts["schemas"] = {"Error": ERROR}
    for operation in (one for path in found["paths"].values() for one in path.values()):
        operation["responses"].pop("422", None)
    return {**found, "security": [{"key": []}], "servers": [{"url": "/v1"}]}


def _name_models(services: Services) -> list[str]:
    """One paragraph per model: how it is called, and what stands for it."""
    return [
        f"`{served.model_id}` ({served.role}) is also meant by {', '.join(ALIASES[served.role])}."
        for served in list_served(services)
    ]
