"""A local GoModel gateway: OpenAI's endpoints, forwarded to a local MiMo.

As strict as GoModel's documentation on MiMo: what MiMo does not support is rejected, never
dropped; a model id has the gateway's prefix, and must be listed by MiMo or by the operator.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from tests.emulators.local_server import AsgiServer
from tests.emulators.mimo import MimoServer

PREFIX = "xiaomi/"
_FORMATS = {"": "wav", "wav": "wav", "pcm": "pcm16"}
_ERROR_TYPES = {401: "authentication_error", 403: "authentication_error", 404: "not_found_error"}


class ApiError(Exception):
    """An error response."""

    def __init__(self, message: str, status: int = 400, kind: str = "invalid_request_error"):
        super().__init__(message)
        self.status, self.kind = status, kind


@dataclass
class Gateway:
    """State of the gateway, with its recorded requests."""

    upstream: MimoServer
    key: str = "gateway-key"
    #: Models listed by the operator.
    extra_models: tuple[str, ...] = ()
    #: Every request: path, and fields without the audio.
    requests: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


class GoModelServer(AsgiServer):
    """The local GoModel server."""

    def __init__(self, upstream: MimoServer, *, extra_models: tuple[str, ...] = ()) -> None:
        self.world = Gateway(upstream, extra_models=extra_models)
        super().__init__(make_app(self.world))


def make_app(world: Gateway) -> Starlette:
    routes = [
        _make_route("/v1/audio/transcriptions", _transcribe, world),
        _make_route("/v1/audio/speech", _speak, world),
        _make_route("/v1/chat/completions", _complete, world),
    ]
    return Starlette(routes=routes)


def _make_route(
    path: str, answer: Callable[[Request, Gateway], Awaitable[Response]], world: Gateway
) -> Route:
    async def serve(request: Request) -> Response:
        try:
            if request.headers.get("authorization") != f"Bearer {world.key}":
                raise ApiError("invalid master key", 401, "authentication_error")
            return await answer(request, world)
        except ApiError as refusal:
            world.refused.append(str(refusal))
            error = {"type": refusal.kind, "message": str(refusal), "param": None, "code": None}
            return JSONResponse({"error": error}, refusal.status)

    return Route(path, serve, methods=["POST"])


async def _transcribe(request: Request, world: Gateway) -> Response:
    async with request.form(max_part_size=30_000_000) as form:
        fields = {name: value for name, value in form.items() if isinstance(value, str)}
        world.requests.append((request.url.path, fields))
        response_format = fields.get("response_format", "").strip()
        body = await _read_transcription(form, fields, response_format, world)
    answer = await _ask(world, body)
    if not answer.get("choices"):
        raise ApiError("transcription response contains no choices", 502, "provider_error")
    text = answer["choices"][0]["message"]["content"]
    return PlainTextResponse(text) if response_format == "text" else JSONResponse({"text": text})


async def _read_transcription(
    form: FormData, fields: dict[str, str], response_format: str, world: Gateway
) -> dict[str, Any]:
    upload = form.get("file")
    audio = await upload.read() if isinstance(upload, UploadFile) else b""
    if not isinstance(upload, UploadFile) or not audio:
        raise ApiError("file is required")
    if response_format not in ("", "json", "text"):
        raise ApiError("xiaomi transcription supports json or text response formats")
    if fields.get("prompt", "").strip():
        raise ApiError("xiaomi transcription does not support prompt")
    if any(name.startswith("timestamp_granularities") and fields[name].strip() for name in fields):
        raise ApiError("xiaomi transcription does not support timestamp_granularities")
    if not (upload.content_type or "").startswith("audio/"):
        raise ApiError("the file must have an audio content type")
    data = f"data:{upload.content_type};base64,{base64.b64encode(audio).decode()}"
    part = {"type": "input_audio", "input_audio": {"data": data}}
    body: dict[str, Any] = {
        "model": _route(fields.get("model", ""), world),
        "messages": [{"role": "user", "content": [part]}],
    }
    if language := fields.get("language", "").strip():
        body["asr_options"] = {"language": language}
    if "temperature" in fields:
        body["temperature"] = float(fields["temperature"])
    return body


async def _speak(request: Request, world: Gateway) -> Response:
    fields = await request.json()
    world.requests.append((request.url.path, fields))
    if not str(fields.get("input", "")).strip():
        raise ApiError("input is required")
    form = _FORMATS.get(str(fields.get("response_format", "")).strip().lower())
    if form is None:
        raise ApiError("xiaomi supports wav or pcm response formats")
    if fields.get("speed", 1) not in (0, 1):
        raise ApiError(
            "xiaomi does not support speech speed control; use instructions to adjust pace"
        )
    direction, voice = (str(fields.get(name, "")).strip() for name in ("instructions", "voice"))
    body = {
        "model": _route(fields.get("model", ""), world),
        "messages": [
            *([{"role": "user", "content": direction}] if direction else []),
            {"role": "assistant", "content": fields["input"]},
        ],
        "audio": {"format": form, **({"voice": voice} if voice else {})},
    }
    media_type = "audio/wav" if form == "wav" else "audio/pcm"
    return Response(_read_audio(await _ask(world, body)), media_type=media_type)


def _read_audio(answer: dict[str, Any]) -> bytes:
    if not answer.get("choices"):
        raise ApiError("speech response contains no choices", 502, "provider_error")
    data = (answer["choices"][0]["message"].get("audio") or {}).get("data")
    if not data:
        raise ApiError("speech response contains no audio", 502, "provider_error")
    try:
        return base64.b64decode(data, validate=True)
    except binascii.Error:
        raise ApiError("speech audio is not valid base64", 502, "provider_error") from None


async def _complete(request: Request, world: Gateway) -> Response:
    """Forward a chat request, with only the model id changed."""
    body = await request.json()
    messages = [m for m in body.get("messages", []) if isinstance(m, dict)]
    world.requests.append((request.url.path, {**body, "messages": len(messages)}))
    body["model"] = _route(body.get("model", ""), world)
    answer = await _post(world, body)
    return Response(answer.content, media_type=answer.headers["content-type"])


def _route(name: str, world: Gateway) -> str:
    """Return MiMo's id of a model. Raises ApiError."""
    model = name.removeprefix(PREFIX)
    if model not in (*world.upstream.rules.models, *world.extra_models):
        raise ApiError(f"unsupported model: {name}")
    return model


async def _ask(world: Gateway, body: dict[str, Any]) -> dict[str, Any]:
    try:
        answer: dict[str, Any] = (await _post(world, body)).json()
    except ValueError:
        raise ApiError("response is malformed", 502, "provider_error") from None
    return answer


async def _post(world: Gateway, body: dict[str, Any]) -> httpx.Response:
    headers = {"authorization": f"Bearer {world.upstream.key}"}
    async with httpx.AsyncClient(
        base_url=world.upstream.base_url, headers=headers, verify=False
    ) as http:
        answer = await http.post("/chat/completions", json=body, timeout=30)
    if answer.status_code != 200:
        raise _pass_on(answer)
    return answer


def _pass_on(answer: httpx.Response) -> ApiError:
    status = answer.status_code
    try:
        error = json.loads(answer.content.removeprefix(b"data:"))["error"]
        message = f"{error['message']} {error.get('param', '')}".strip()
    except (ValueError, KeyError, TypeError):
        message = answer.text
    kind = "provider_error" if status >= 500 else _ERROR_TYPES.get(status, "invalid_request_error")
    return ApiError(message, status, "rate_limit_error" if status == 429 else kind)
