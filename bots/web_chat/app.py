"""The web application: the page with its API, beside health checks and metrics."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.staticfiles import StaticFiles

from bots.common.uploads import TooLarge
from bots.web_chat.api import Api
from bots.web_chat.wire import read_language
from bots.web_server.health import build_health_routes
from core.errors import AssistantError, StorageFull, TooLong, UserError
from core.locale import LANGUAGES, mark, translate

STATIC = Path(__file__).parent / "static"
NOT_SAVED = mark("Your message could not be saved. Please try again.")
BAD_REQUEST = mark("This request is malformed.")
SERVER_ERROR = mark("Something went wrong on my side. Please try again.")


def build_app(api: Api, routers: Iterable[APIRouter] = ()) -> FastAPI:
    """Return the application. Errors are JSON with one sentence in the person's language.

    routers: further routes, such as the logins.
    """
    app = FastAPI(title="Hearsay", docs_url=None, redoc_url=None, openapi_url="/api/openapi.json")
    app.state.max_file_bytes = api.max_file_bytes
    app.state.begin_recording = api.inbox.begin_recording
    app.include_router(api.build_router())
    for router in routers:
        app.include_router(router)
    app.include_router(build_health_routes(api.inbox, is_public=api.has_login))

    _add_page(app)
    app.add_exception_handler(HTTPException, _answer_http_error)
    app.add_exception_handler(RequestValidationError, _answer_invalid)
    app.add_exception_handler(AssistantError, _answer_error)
    app.add_exception_handler(TimeoutError, _answer_error)
    app.add_exception_handler(ClientDisconnect, _answer_disconnect)
    app.add_exception_handler(Exception, _answer_bug)
    return app


def _add_page(app: FastAPI) -> None:
    @app.get("/", include_in_schema=False)
    async def page() -> Response:
        return FileResponse(STATIC / "index.html")

    @app.get("/static/words/languages.js", include_in_schema=False)
    async def languages() -> Response:
        """Return the module that says in which languages there are words."""
        script = f"export const LANGUAGES = {json.dumps(sorted({'en', *LANGUAGES}))};\n"
        return Response(script, media_type="text/javascript")

    app.mount("/static", StaticFiles(directory=STATIC))


def _build_error(request: Request, status: int, text: str, **values: object) -> Response:
    language = read_language(request.headers.get("accept-language", ""))
    return JSONResponse({"error": translate(text, language, **values)}, status)


async def _answer_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    values = error.values if isinstance(error, TooLarge) else {}
    response = _build_error(request, error.status_code, error.detail, **values)
    response.headers.update(error.headers or {})
    return response


async def _answer_invalid(request: Request, error: Exception) -> Response:
    return _build_error(request, 422, BAD_REQUEST)


async def _answer_error(request: Request, error: Exception) -> Response:
    if isinstance(error, UserError):
        status = 413 if isinstance(error, TooLong) else 400
        return _build_error(request, status, error.user_text, **error.values)
    text = error.user_text if isinstance(error, StorageFull) else NOT_SAVED
    return _build_error(request, 503, text)


async def _answer_disconnect(request: Request, error: Exception) -> Response:
    return Response(status_code=400)  # nobody reads it


async def _answer_bug(request: Request, error: Exception) -> Response:
    return _build_error(request, 500, SERVER_ERROR)
