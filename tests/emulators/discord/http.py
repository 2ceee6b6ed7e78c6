"""Requests as they come in over HTTP: read, checked, spoiled, answered."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartParser
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tests.emulators.discord import (
    channel_routes,
    command_routes,
    guild_routes,
    interaction_routes,
)
from tests.emulators.discord.api import Api, Ask, Route, Upload, find_route
from tests.emulators.discord.calls import Call, Fault
from tests.emulators.discord.errors import NOT_FOUND, UNAUTHORIZED, ApiError, bad_field, refused

#: Every module whose routes are in the table.
ROUTERS = (channel_routes, command_routes, guild_routes, interaction_routes)
MAX_REQUEST_BYTES = 25 << 20
# Files stay in memory: a thread that writes them to a disk would be a wait that nobody counts.
MultiPartParser.spool_max_size = MAX_REQUEST_BYTES
_PAGE = b"<!DOCTYPE html><html><head><title>Access denied</title></head><body>1015</body></html>"


async def read_ask(api: Api, call: Call, request: Request, params: dict[str, str]) -> Ask:
    """Read a request. Raises ApiError for bodies that cannot be read."""
    values = {name: unquote(value) for name, value in params.items()}
    ask = Ask(api, call, values, dict(request.query_params))
    if int(request.headers.get("content-length", 0)) > MAX_REQUEST_BYTES:
        raise refused(40005)
    kind = request.headers.get("content-type", "")
    if kind.startswith("multipart/form-data"):
        await _read_form(ask, request)
    elif body := await request.body():
        ask.body = _parse(body)
    call.body = ask.body
    return ask


async def _read_form(ask: Ask, request: Request) -> None:
    async with request.form(max_part_size=MAX_REQUEST_BYTES) as form:
        for name, value in form.multi_items():
            if isinstance(value, UploadFile):
                number = name.removeprefix("files[").removesuffix("]")
                number = number if number.isdigit() else str(len(ask.uploads))
                ask.uploads[number] = Upload(value.filename or "unknown", await value.read())
            elif name == "payload_json":
                ask.body = _parse(value.encode())
    ask.call.files = [upload.name for upload in ask.uploads.values()]


def _parse(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        raise ApiError(400, 50109, "The request body contains invalid JSON.") from None


def run(api: Api, route: Route, ask: Ask, authorization: str) -> Response:
    """Answer a request that was read, as the rules of Discord say."""
    with api.world.lock:
        major = next(
            (ask.params[one] for one in ("channel", "guild", "token") if one in ask.params), ""
        )
        try:
            if not route.is_open and authorization != f"Bot {api.world.token}":
                raise UNAUTHORIZED
            wait_s, scope = api.limits.check(route.name, major)
            if wait_s and api.limits.is_strict:
                return too_many(api, ask.call, wait_s, scope)
            status, body = _run(route, ask)
        except ApiError as error:
            return refuse(api, ask.call, error)
        headers = {"Via": "1.1 google", **api.limits.headers(route.name, major)}
    ask.call.status = status
    if body is None:
        return Response(status_code=status, headers=headers)
    return JSONResponse(body, status, headers)


def _run(route: Route, ask: Ask) -> tuple[int, Any]:
    try:
        return route.run(ask)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        # A form that no rule foresaw: refused as any bad form is, and the ledger says why.
        raise bad_field("_", type(error).__name__, str(error)) from error


def refuse(api: Api, call: Call, error: ApiError) -> Response:
    """Answer with an error, and count it if it leads to a ban."""
    call.status, call.code, call.error = error.status, error.code, str(error)
    if error.errors is not None:
        call.error += f" {json.dumps(error.errors)}"
    if error.status in (401, 403):
        call.is_invalid = True
        api.invalid.add()
    return JSONResponse(error.to_json(), error.status, {"Via": "1.1 google"})


def too_many(api: Api, call: Call, wait_s: float, scope: str) -> Response:
    """Answer with a 429 of one of the three scopes."""
    call.status, call.error = 429, f"429 {scope}"
    if scope != "shared":
        call.is_invalid = True
        api.invalid.add()
    body: dict[str, Any] = {
        "message": "You are being rate limited.",
        "retry_after": round(wait_s, 3),
        "global": scope == "global",
    }
    headers = {
        "Via": "1.1 google",
        "Retry-After": str(int(wait_s) + 1),
        "X-RateLimit-Scope": scope,
        **({"X-RateLimit-Global": "true"} if scope == "global" else {}),
    }
    return JSONResponse(body, 429, headers)


def page(status: int, headers: dict[str, str] | None = None) -> Response:
    """Answer with a page of whoever stands before Discord: no JSON, no `Via`."""
    return Response(_PAGE, status, headers, media_type="text/html")


def spoil(api: Api, call: Call, fault: Fault) -> Response:
    """Return the bad answer that a fault asks for."""
    with api.world.lock:
        if fault.kind == "rate_limit":
            return too_many(api, call, fault.retry_after, fault.scope)
        if fault.kind == "html":
            call.status = fault.status
            if fault.status == 429:
                call.is_invalid = True
                api.invalid.add()
            return page(fault.status, fault.headers)
        words = fault.description or {503: "503: Service Unavailable"}.get(fault.status, "")
        error = refused(fault.code) if fault.code else ApiError(fault.status, 0, words)
        return refuse(api, call, error)


__all__ = ["NOT_FOUND", "find_route", "read_ask", "refuse", "run", "spoil"]
