"""The OpenAPI document: FastAPI's own, with the bodies that the routes read and stream."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.responses import Response
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from bots.openai_api.audio.speech import AudioDelta, AudioDone
from bots.openai_api.audio.speech_request import MEDIA_TYPES, SpeechRequest
from bots.openai_api.audio.transcription_request import TranscriptionForm
from bots.openai_api.audio.transcriptions import (
    PlainTranscription,
    TextDelta,
    TextDone,
    VerboseTranscription,
)
from bots.openai_api.chat.completion_request import ChatRequest
from bots.openai_api.chat.completion_response import ChatChunk, ChatCompletion
from bots.openai_api.chat.responses_body import ResponseBody, ResponseEvent
from bots.openai_api.chat.responses_request import ResponsesRequest
from bots.openai_api.context import (
    ALIASES,
    ApiContext,
    AudioModelList,
    ModelEntry,
    ModelList,
    VoiceList,
)
from bots.openai_api.errors import ApiErrorBody

ABOUT = (
    "Transcription, speech synthesis, and questions about recordings, for clients of OpenAI's "
    "API. Every request needs one of the keys of `API_KEYS`. Unknown parameters are ignored, and "
    "unknown models stand for the default; the header `Warning` says so. With "
    "`API_LENIENT=false` they are refused with `invalid_request_error`. Repeating a request costs "
    "nothing while its result is stored."
)
_REFUSALS = {
    400: "The request is invalid, and why",
    401: "The key is missing or unknown",
    404: "The model does not exist",
    408: "The body did not arrive in time",
    413: "The body or the recording is too large",
    415: "The body has the wrong Content-Type",
    429: "The key has used its budget, or the speech service is busy",
    502: "The reply of the speech service could not be used",
    503: "The speech service could not be reached, or the server is paused",
}
_REF = "#/components/schemas/{model}"
_BINARY = {"schema": {"type": "string", "format": "binary"}}
_TEXT = {"schema": {"type": "string"}}
#: Bodies that FastAPI does not see: we read and stream them ourselves.
_HIDDEN: tuple[type[BaseModel], ...] = (
    *(TranscriptionForm, SpeechRequest, ChatRequest, ResponsesRequest),
    *(TextDelta, TextDone, AudioDelta, AudioDone, ChatChunk, ResponseEvent),
)


def _build_body(media_type: str, model: type[BaseModel]) -> dict[str, Any]:
    schema = {"$ref": _REF.format(model=model.__name__)}
    return {"requestBody": {"required": True, "content": {media_type: {"schema": schema}}}}


def _build_responses(*refusals: int, **content: dict[str, Any]) -> dict[int | str, Any]:
    bad: dict[int | str, Any] = {
        status: {"description": _REFUSALS[status], "model": ApiErrorBody} for status in refusals
    }
    return {200: {"description": "Success", **content}, **bad}


def _build_events(*models: type[BaseModel], end: str = "") -> dict[str, Any]:
    """Return the content of a stream of server-sent events."""
    names = " or ".join(model.__name__ for model in models)
    data = {"type": "string", "description": f"{names} as JSON{end}."}
    schema = {"type": "object", "properties": {"data": data}, "required": ["data"]}
    return {"text/event-stream": {"schema": schema}}


TRANSCRIPTIONS: dict[str, Any] = {
    "summary": "Transcribe a recording",
    "openapi_extra": _build_body("multipart/form-data", TranscriptionForm),
    "response_model": VerboseTranscription | PlainTranscription,
    # Segments or words are missing where they are not asked for.
    "response_model_exclude_none": True,
    "responses": _build_responses(
        *_REFUSALS,
        content={
            **_build_events(TextDelta, TextDone),
            **{kind: _TEXT for kind in ("text/plain", "application/x-subrip", "text/vtt")},
        },
    ),
}
TRANSLATIONS: dict[str, Any] = {**TRANSCRIPTIONS, "summary": "Translate a recording into English"}
EMBEDDINGS: dict[str, Any] = {
    "summary": "Not supported",
    "responses": _build_responses(400, 401, 429),
}
SPEECH: dict[str, Any] = {
    "summary": "Read text aloud",
    "openapi_extra": _build_body("application/json", SpeechRequest),
    "response_class": Response,
    "responses": _build_responses(
        *_REFUSALS,
        content={
            **{kind: _BINARY for kind in MEDIA_TYPES.values()},
            **_build_events(AudioDelta, AudioDone),
        },
    ),
}
CHAT: dict[str, Any] = {
    "summary": "Answer a question, also about recordings",
    "openapi_extra": _build_body("application/json", ChatRequest),
    "response_model": ChatCompletion,
    # Clients tell a field that is null from one that is missing.
    "response_model_exclude_unset": True,
    "responses": _build_responses(
        *_REFUSALS, content=_build_events(ChatChunk, end=", at the end [DONE]")
    ),
}
RESPONSES: dict[str, Any] = {
    "summary": "Answer a question, in OpenAI's newer form",
    "openapi_extra": _build_body("application/json", ResponsesRequest),
    "response_model": ResponseBody,
    "responses": _build_responses(*_REFUSALS, content=_build_events(ResponseEvent)),
}
VOICES: dict[str, Any] = {"response_model": VoiceList, "responses": _build_responses(401, 429)}
AUDIO_MODELS: dict[str, Any] = {
    "response_model": AudioModelList,
    "responses": _build_responses(401, 429),
}
MODELS: dict[str, Any] = {"response_model": ModelList, "responses": _build_responses(401, 429)}
MODEL: dict[str, Any] = {"response_model": ModelEntry, "responses": _build_responses(401, 404, 429)}


def build_document(app: FastAPI, context: ApiContext) -> dict[str, Any]:
    """Return the whole document, with today's models in its description.

    The rest is built once: it takes long, and nobody needs a key to ask for it.
    """
    app.openapi_schema = app.openapi_schema or _build_paths(app)
    paragraphs = [ABOUT] + [
        f"`{served.model_id}` ({served.role}) is also served as {', '.join(ALIASES[served.role])}."
        for served in context.list_served()
    ]
    info = {**app.openapi_schema["info"], "description": "\n\n".join(paragraphs)}
    return {**app.openapi_schema, "info": info}


def _build_paths(app: FastAPI) -> dict[str, Any]:
    """Return the document without its description."""
    document = get_openapi(title=app.title, version=app.version, routes=app.routes)
    components = document["components"]
    _, hidden = models_json_schema([(model, "validation") for model in _HIDDEN], ref_template=_REF)
    components["schemas"] |= hidden["$defs"]
    components["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    for operation in (one for path in document["paths"].values() for one in path.values()):
        # FastAPI's own errors, which nobody sees.
        operation["responses"].pop("422", None)
    for name in ("HTTPValidationError", "ValidationError"):
        components["schemas"].pop(name, None)
    return {**document, "security": [{"key": []}], "servers": [{"url": "/v1"}]}
