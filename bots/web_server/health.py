"""Health checks and metrics, which every process serves, with a page or without."""

from __future__ import annotations

from fastapi import APIRouter, FastAPI, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from core.inbox import Inbox


def build_health_routes(inbox: Inbox, *, is_public: bool) -> APIRouter:
    """Return the routes.

    is_public: strangers may reach them, so that they do not say what is wrong in detail.
    """
    router = APIRouter()

    @router.get("/livez")
    async def live() -> dict[str, bool]:
        """Return that the process is alive."""
        return {"is_live": True}

    @router.get("/readyz")
    async def ready() -> Response:
        """Return which parts are ready and why others are not; 503 if any is not."""
        found = await inbox.check_health()
        faults = {name: reason for name, reason in found.items() if reason}
        parts = {name: not reason for name, reason in found.items()}
        content = {"is_ready": not faults, "parts": parts, "faults": {} if is_public else faults}
        return JSONResponse(content, 503 if faults else 200)

    @router.get("/metrics")
    async def metrics() -> Response:
        """Return the metrics in Prometheus' format."""
        await inbox.refresh_metrics()
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return router


def build_health_app(inbox: Inbox, *, is_public: bool) -> FastAPI:
    """Return an application with nothing else, for processes without a page."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.include_router(build_health_routes(inbox, is_public=is_public))
    return app
