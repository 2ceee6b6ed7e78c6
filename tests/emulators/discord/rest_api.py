"""REST API over HTTP: routing, authorization, rate limits, responses and faults."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import unquote

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartParser
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tests.emulators.discord import channel_routes, command_routes, guild_routes, interaction_routes
from tests.emulators.discord.api import Api, ApiRequest, ApiResponse, RouteFunction, Upload
from tests.emulators.discord.errors import ApiError, bad_field, refused
from tests.emulators.discord.traffic import Fault, RecordedRequest

#: Method and path -> function. Routes with a {token} need no Authorization header.
ROUTES: dict[str, RouteFunction] = {
    "GET /users/@me": guild_routes.get_me,
    "POST /users/@me/channels": guild_routes.open_dm,
    "GET /applications/@me": guild_routes.get_application,
    "GET /oauth2/applications/@me": guild_routes.get_application,
    "GET /gateway/bot": guild_routes.get_gateway_bot,
    "GET /guilds/{guild}": guild_routes.get_guild,
    "GET /guilds/{guild}/members/{user}": guild_routes.get_member,
    "PATCH /guilds/{guild}/voice-states/@me": guild_routes.edit_voice_state,
    "GET /applications/{application}/commands": command_routes.list_commands,
    "PUT /applications/{application}/commands": command_routes.overwrite_commands,
    "GET /channels/{channel}": channel_routes.get_channel,
    "PATCH /channels/{channel}": channel_routes.edit_channel,
    "GET /channels/{channel}/messages": channel_routes.list_messages,
    "GET /channels/{channel}/messages/{message}": channel_routes.get_message,
    "POST /channels/{channel}/messages": channel_routes.send_message,
    "PATCH /channels/{channel}/messages/{message}": channel_routes.patch_message,
    "DELETE /channels/{channel}/messages/{message}": channel_routes.remove_message,
    "POST /channels/{channel}/typing": channel_routes.show_typing,
    "POST /channels/{channel}/messages/{message}/threads": channel_routes.thread_from_message,
    "GET /channels/{channel}/thread-members/{user}": channel_routes.get_thread_member,
    "POST /interactions/{interaction}/{token}/callback": interaction_routes.create_response,
    "POST /webhooks/{application}/{token}": interaction_routes.create_followup,
    "PATCH /webhooks/{application}/{token}/messages/{message}": interaction_routes.edit_response,
    "DELETE /webhooks/{application}/{token}/messages/{message}": interaction_routes.delete_response,
}
_PATTERNS = {name: re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", name)) for name in ROUTES}
MAX_REQUEST_BYTES = 25 << 20
# Files stay in memory: virtual time does not wait for a thread that writes them to disk.
MultiPartParser.spool_max_size = MAX_REQUEST_BYTES
_PAGE = b"<!DOCTYPE html><html><head><title>Access denied</title></head><body>1015</body></html>"


def find_route(request: str) -> tuple[str, dict[str, str]]:
    """Return the route that matches "METHOD /path", and its path parameters."""
    for name, pattern in _PATTERNS.items():
        if found := pattern.fullmatch(request):
            return name, {key: unquote(value) for key, value in found.groupdict().items()}
    return f"{request.partition(' ')[0]} ?", {}


async def respond(
    api: Api, recorded: RecordedRequest, request: Request, values: dict[str, str]
) -> Response:
    """Return the response to a request."""
    if api.limits.is_strict and api.invalid.is_banned:
        recorded.status = 429
        return Response(_PAGE, 429, media_type="text/html")
    api_request = ApiRequest(api, recorded, values, dict(request.query_params))
    try:
        await _read(api_request, request)
    except ApiError as error:
        return refuse(api, recorded, error)
    return _run(api_request, request.headers.get("authorization", ""))


async def _read(api_request: ApiRequest, request: Request) -> None:
    if api_request.recorded.route not in ROUTES:
        raise ApiError(404, 0, "404: Not Found")
    if int(request.headers.get("content-length", 0)) > MAX_REQUEST_BYTES:
        raise refused(40005)
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        await _read_form(api_request, request)
    elif body := await request.body():
        api_request.body = _parse(body)
    api_request.recorded.body = api_request.body


async def _read_form(api_request: ApiRequest, request: Request) -> None:
    async with request.form(max_part_size=MAX_REQUEST_BYTES) as form:
        for name, value in form.multi_items():
            if isinstance(value, UploadFile):
                number = name.removeprefix("files[").removesuffix("]")
                number = number if number.isdigit() else str(len(api_request.uploads))
                api_request.uploads[number] = Upload(
                    value.filename or "unknown", await value.read()
                )
            elif name == "payload_json":
                api_request.body = _parse(value.encode())
    api_request.recorded.files = [upload.name for upload in api_request.uploads.values()]


def _parse(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        raise ApiError(400, 50109, "The request body contains invalid JSON.") from None


def _run(api_request: ApiRequest, authorization: str) -> Response:
    api, name = api_request.api, api_request.recorded.route
    with api.world.lock:
        major = next(
            (
                api_request.params[one]
                for one in ("channel", "guild", "token")
                if one in api_request.params
            ),
            "",
        )
        try:
            if "{token}" not in name and authorization != f"Bot {api.world.token}":
                raise ApiError(401, 0, "401: Unauthorized")
            wait_s, scope = api.limits.check(name, major)
            if wait_s and api.limits.is_strict:
                return rate_limited(api, api_request.recorded, wait_s, scope)
            api_request.recorded.status, body = _call_route(api_request)
        except ApiError as error:
            return refuse(api, api_request.recorded, error)
        headers = {"Via": "1.1 google", **api.limits.headers(name, major)}
    if body is None:
        return Response(status_code=api_request.recorded.status, headers=headers)
    return JSONResponse(body, api_request.recorded.status, headers)


def _call_route(api_request: ApiRequest) -> ApiResponse:
    try:
        return ROUTES[api_request.recorded.route](api_request)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        # A malformed body that no check expects; the recorded request shows the reason.
        raise bad_field("_", type(error).__name__, str(error)) from error


def refuse(api: Api, recorded: RecordedRequest, error: ApiError) -> Response:
    """Return an error response, and count it if it is an invalid request."""
    recorded.status, recorded.code, recorded.error = error.status, error.code, str(error)
    if error.errors is not None:
        recorded.error += f" {json.dumps(error.errors)}"
    if error.status in (401, 403):
        api.invalid.add()
    return JSONResponse(error.to_json(), error.status, {"Via": "1.1 google"})


def rate_limited(api: Api, recorded: RecordedRequest, wait_s: float, scope: str) -> Response:
    """Return a 429 response with one of the three scopes."""
    recorded.status, recorded.error = 429, f"429 {scope}"
    if scope != "shared":
        api.invalid.add()
    is_global, words = scope == "global", "You are being rate limited."
    body = {"message": words, "retry_after": round(wait_s, 3), "global": is_global}
    headers = {"Via": "1.1 google", "Retry-After": str(int(wait_s) + 1), "X-RateLimit-Scope": scope}
    if is_global:
        headers["X-RateLimit-Global"] = "true"
    return JSONResponse(body, 429, headers)


def make_faulty_response(api: Api, recorded: RecordedRequest, fault: Fault) -> Response:
    """Return the faulty response for a fault."""
    with api.world.lock:
        if fault.kind == "rate_limit":
            return rate_limited(api, recorded, fault.retry_after, fault.scope)
        if fault.kind == "html":
            recorded.status = fault.status
            if fault.status == 429:
                api.invalid.add()
            # From Cloudflare in front of Discord: no JSON, no `Via`.
            return Response(_PAGE, fault.status, fault.headers, media_type="text/html")
        words = fault.description or {503: "503: Service Unavailable"}.get(fault.status, "")
        error = refused(fault.code) if fault.code else ApiError(fault.status, 0, words)
        return refuse(api, recorded, error)
