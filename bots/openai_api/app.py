"""The ASGI application: routes under /v1, errors in OpenAI's envelope, keys checked before it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp

from bots.common.body_limit import BodyLimit
from bots.openai_api import openapi
from bots.openai_api.audio.speech import SpeechRoute
from bots.openai_api.audio.transcriptions import TranscriptionRoute
from bots.openai_api.audio.translations import TranslationRoute
from bots.openai_api.chat.completions import ChatRoute
from bots.openai_api.chat.responses import ResponsesRoute
from bots.openai_api.context import (
    ALIASES,
    ApiContext,
    AudioModelEntry,
    AudioModelList,
    ModelEntry,
    ModelList,
    VoiceList,
)
from bots.openai_api.errors import read_error, refuse
from bots.openai_api.middleware import ApiMiddleware
from core.errors import AssistantError
from core.interfaces import GrowingRecording

#: Where the application is mounted.
PATH = "/v1"


def build_api(
    context: ApiContext,
    body_limit: BodyLimit,
    max_file_bytes: int,
    begin_recording: Callable[[], GrowingRecording],
) -> ASGIApp:
    """Return the application behind its keys. begin_recording: where large files are stored."""
    app = FastAPI(title="Hearsay", version="1", docs_url=None, redoc_url=None)
    app.state.max_file_bytes = max_file_bytes
    app.state.begin_recording = begin_recording
    _add_routes(app, context)
    app.openapi = partial(openapi.build_document, app, context)  # type: ignore[method-assign]
    app.add_exception_handler(ClientDisconnect, _answer_disconnect)
    for kind in (HTTPException, AssistantError, TimeoutError, Exception):
        app.add_exception_handler(kind, _answer_error)
    guarded = ApiMiddleware(app, context, body_limit)
    if not context.cors_origins:
        return guarded
    # Outermost: browsers ask without a key what they may send.
    return CORSMiddleware(
        guarded,
        allow_origins=context.cors_origins,
        allow_methods=("GET", "POST"),
        allow_headers=("*",),
        allow_private_network=True,
        expose_headers=("X-Request-Id", "Warning", "Retry-After"),
    )


def _add_routes(app: FastAPI, context: ApiContext) -> None:
    transcribe, speak = TranscriptionRoute(context).create, SpeechRoute(context).create
    app.post("/audio/transcriptions", **openapi.TRANSCRIPTIONS)(transcribe)
    translate = TranslationRoute(context).create
    app.post("/audio/translations", **openapi.TRANSLATIONS)(translate)
    app.post("/audio/speech", **openapi.SPEECH)(speak)
    app.post("/chat/completions", **openapi.CHAT)(ChatRoute(context).create)
    app.post("/responses", **openapi.RESPONSES)(ResponsesRoute(context).create)

    @app.post("/embeddings", **openapi.EMBEDDINGS)
    async def refuse_embeddings() -> None:
        """Refuse: no engine here has embeddings."""
        raise refuse("embeddings are not supported: no engine of this server has them")

    _add_lists(app, context)


def _add_lists(app: FastAPI, context: ApiContext) -> None:
    @app.get("/audio/voices", **openapi.VOICES)
    async def list_voices() -> VoiceList:
        """List the preset voices."""
        return VoiceList(voices=context.list_voices())

    @app.get("/audio/models", **openapi.AUDIO_MODELS)
    async def list_audio_models() -> AudioModelList:
        """List the names of models that synthesize."""
        names = (context.synthesis.synthesizer.model, *ALIASES["synthesizer"])
        return AudioModelList(models=[AudioModelEntry(id=name) for name in names])

    @app.get("/models", **openapi.MODELS)
    async def list_models() -> ModelList:
        """List the models that are served."""
        served = context.list_served()
        return ModelList(data=[ModelEntry(id=m.model_id, owned_by=m.owner) for m in served])

    @app.get("/models/{model:path}", **openapi.MODEL)
    async def get_model(model: str) -> ModelEntry:
        """Describe a model, by its own name or an alias."""
        return ModelEntry(id=model, owned_by=context.pick_model(model).owner)


async def _answer_error(request: Request, error: Exception) -> Response:
    found = read_error(error, request.state.request_id)
    return JSONResponse(found.body.model_dump(), found.status_code, found.headers)


async def _answer_disconnect(request: Request, error: Exception) -> Response:
    return Response(status_code=400)  # nobody reads it
