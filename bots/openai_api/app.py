"""The routes under /v1, and how their errors are told."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from bots.openai_api import schema
from bots.openai_api.chat import Chat
from bots.openai_api.errors import OURS, ApiError, read_error, read_http_error
from bots.openai_api.models import build_model, find_model, list_served
from bots.openai_api.services import Services, read_request_id
from bots.openai_api.speech import Speech
from bots.openai_api.transcriptions import Transcriptions
from core.errors import AssistantError


def build_app(services: Services) -> FastAPI:
    """Return the application. Every error is in OpenAI's envelope."""
    app = FastAPI(
        title="Hearsay",
        description=schema.ABOUT,
        version="1",
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
    )
    _add_routes(app, services)
    # What FastAPI would write of bodies is not all: ours are read by hand.
    app.openapi = lambda: schema.complete(app, services)  # type: ignore[method-assign]
    app.add_exception_handler(HTTPException, _tell_refusal)
    app.add_exception_handler(AssistantError, _tell_error)
    app.add_exception_handler(TimeoutError, _tell_late)
    app.add_exception_handler(ClientDisconnect, _tell_nobody)
    app.add_exception_handler(Exception, _tell_our_fault)
    return app


def _add_routes(app: FastAPI, services: Services) -> None:
    def post(path: str, create: Any, described: dict[str, Any]) -> None:
        app.add_api_route(path, create, methods=["POST"], response_model=None, **described)

    post("/audio/transcriptions", Transcriptions(services).create, schema.TRANSCRIPTIONS)
    post("/audio/speech", Speech(services).create, schema.SPEECH)
    post("/chat/completions", Chat(services).create, schema.CHAT)

    @app.get("/models", response_model=None, **schema.MODELS)
    async def list_models() -> dict[str, Any]:
        """List the models that are served."""
        return {"object": "list", "data": [build_model(one) for one in list_served(services)]}

    @app.get("/models/{model:path}", response_model=None, **schema.MODEL)
    async def get_model(model: str) -> dict[str, Any]:
        """Describe a model, by its own name or one that stands for it."""
        return build_model(find_model(services, model), model)


async def _tell_refusal(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _build(read_http_error(error))


async def _tell_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, AssistantError)
    return _build(read_error(error, read_request_id(request)))


async def _tell_late(request: Request, error: Exception) -> Response:
    return _build(ApiError(408, "The body did not come in time."))


async def _tell_nobody(request: Request, error: Exception) -> Response:
    return Response(status_code=400)


async def _tell_our_fault(request: Request, error: Exception) -> Response:
    text = f"Something went wrong on our side. Reference: {read_request_id(request)}."
    return _build(ApiError(500, text, kind=OURS))


def _build(error: ApiError) -> Response:
    return JSONResponse(error.body, error.status_code, error.headers)
