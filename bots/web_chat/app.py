"""The web application: the page, its API, and what an operator's tools ask for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.staticfiles import StaticFiles

from bots.web_chat.api import Api
from bots.web_chat.wire import read_language
from core.errors import AssistantError, TooLong, UserError
from core.locale import mark, translate

STATIC = Path(__file__).parent / "static"
NOT_SAVED = mark("Your message could not be saved. Please try again.")
BAD_REQUEST = mark("This request is malformed.")
SERVER_ERROR = mark("Something went wrong on my side. Please try again.")


def build_app(api: Api, routers: Iterable[APIRouter] = ()) -> FastAPI:
    """Return the application. Every error is JSON with one sentence in the person's language.

    routers: what is served besides the page.
    """
    app = FastAPI(title="Hearsay", docs_url=None, redoc_url=None, openapi_url="/api/openapi.json")
    app.include_router(api.build_router())
    for router in routers:
        app.include_router(router)
    _add_operator_routes(app, api.inbox.readiness)

    @app.get("/", include_in_schema=False)
    async def page() -> Response:
        return FileResponse(STATIC / "index.html")

    app.mount("/static", StaticFiles(directory=STATIC))
    app.add_exception_handler(HTTPException, _tell_refusal)
    app.add_exception_handler(RequestValidationError, _tell_bad_request)
    app.add_exception_handler(AssistantError, _tell_not_taken)
    app.add_exception_handler(TimeoutError, _tell_not_taken)
    app.add_exception_handler(ClientDisconnect, _tell_nobody)
    app.add_exception_handler(Exception, _tell_our_fault)
    return app


def _add_operator_routes(app: FastAPI, readiness: Callable[[], dict[str, bool]]) -> None:
    @app.get("/livez")
    async def live() -> dict[str, bool]:
        """Tell that the process answers."""
        return {"is_live": True}

    @app.get("/readyz")
    async def ready() -> Response:
        """Tell which parts can do their work."""
        parts = readiness()
        is_all = all(parts.values())
        return JSONResponse({"is_ready": is_all, "parts": parts}, 200 if is_all else 503)

    @app.get("/metrics")
    async def metrics() -> Response:
        """Return the numbers in Prometheus' format."""
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


def _build_error(request: Request, status: int, text: str, **values: object) -> Response:
    language = read_language(request.headers.get("accept-language", ""))
    return JSONResponse({"error": translate(text, language, **values)}, status)


async def _tell_refusal(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    response = _build_error(request, error.status_code, error.detail)
    response.headers.update(error.headers or {})
    return response


async def _tell_bad_request(request: Request, error: Exception) -> Response:
    return _build_error(request, 422, BAD_REQUEST)


async def _tell_not_taken(request: Request, error: Exception) -> Response:
    if isinstance(error, UserError):
        status = 413 if isinstance(error, TooLong) else 400
        return _build_error(request, status, error.user_text, **error.values)
    return _build_error(request, 503, NOT_SAVED)


async def _tell_nobody(request: Request, error: Exception) -> Response:
    return Response(status_code=400)


async def _tell_our_fault(request: Request, error: Exception) -> Response:
    return _build_error(request, 500, SERVER_ERROR)
