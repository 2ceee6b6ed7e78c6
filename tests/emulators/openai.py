"""A local server with OpenAI's audio and chat endpoints, as strict as the API reference.

Audio is encoded with `mimo.tones`: each transcribed word is a segment with its times.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from tests.emulators.local_server import AsgiServer
from tests.emulators.mimo.contract import ApiError
from tests.emulators.mimo.faults import BROKEN_CONNECTIONS, ERROR_RESPONSES, STREAMS, Fault
from tests.emulators.mimo.synthesis import RATE_HZ, synthesize
from tests.emulators.mimo.tones import make_wav, read_words
from tests.emulators.mimo.transcription import decode
from tests.emulators.openai_chat import ChatRules, answer_chat, error_response

VOICES = frozenset(
    ("alloy", "ash", "ballad", "coral", "echo", "fable", "nova", "onyx", "sage", "shimmer", "verse")
)
_SPEECH_FIELDS = {"model", "input", "voice", "instructions", "response_format", "speed"}
#: The API's limit for an uploaded file.
MAX_BYTES = 25 << 20
_FIELDS = {"file", "model", "language", "prompt", "response_format", "temperature"}


@dataclass
class Rules:
    """Behaviour of the server; may be changed while it runs."""

    #: None: no key is required, as by self-hosted servers.
    key: str | None = None
    models: tuple[str, ...] = ("whisper-1",)
    #: False: no segments, like gpt-4o-transcribe.
    has_segments: bool = True
    speech_models: tuple[str, ...] = ("tts-1", "gpt-4o-mini-tts")
    voices: frozenset[str] = VOICES
    #: Supported speech formats; a server with `own_format` always responds in that one.
    formats: tuple[str, ...] = ("pcm", "wav")
    own_format: str = ""
    chunk_bytes: int = 4801
    chunk_latency_s: float = 0.0
    #: Number of bytes missing at the end of the audio.
    missing_bytes: int = 0
    #: Transcript of every recording, which is then not decoded; None: the words of its tones.
    transcript: str | None = None
    #: A transcription takes `latency_s + duration * realtime_factor` seconds.
    latency_s: float = 0.0
    realtime_factor: float = 0.0


@dataclass
class World:
    """State of the server, with its recorded requests."""

    rules: Rules = field(default_factory=Rules)
    chat: ChatRules = field(default_factory=ChatRules)
    faults: list[Fault] = field(default_factory=list)
    #: The form of every transcription request, without the file.
    transcription_requests: list[dict[str, str]] = field(default_factory=list)
    #: The body of every speech request.
    speech_requests: list[dict[str, Any]] = field(default_factory=list)
    #: The body of every chat request.
    chat_requests: list[dict[str, Any]] = field(default_factory=list)


class OpenAIServer(AsgiServer):
    """The local OpenAI server."""

    def __init__(self, rules: Rules | None = None) -> None:
        self.world = World(rules or Rules())
        super().__init__(make_app(self.world))


def make_app(world: World) -> Starlette:
    async def list_models(request: Request) -> ASGIApp:
        names = (*world.rules.models, *world.rules.speech_models, *world.chat.models)
        entries = [{"id": name, "object": "model"} for name in names]
        return JSONResponse({"object": "list", "data": entries})

    routes = [
        _make_route("/v1/audio/transcriptions", _transcribe, world),
        _make_route("/v1/audio/speech", _synthesize, world),
        _make_route("/v1/chat/completions", _complete, world),
        Route("/v1/models", list_models),
    ]
    return Starlette(routes=routes)


def _make_route(
    path: str, answer: Callable[[Request, World, Fault | None], Awaitable[ASGIApp]], world: World
) -> Route:
    async def serve(request: Request) -> ASGIApp:
        try:
            _check_key(request, world.rules)
            fault = world.faults.pop(0) if world.faults else None
            if fault and fault.kind not in STREAMS:
                return {**ERROR_RESPONSES, **BROKEN_CONNECTIONS}[fault.kind](fault)
            return await answer(request, world, fault)
        except ApiError as error:
            return JSONResponse(error.args[0], error.status)

    return Route(path, serve, methods=["POST"])


async def _transcribe(request: Request, world: World, fault: Fault | None) -> ASGIApp:
    async with request.form(max_part_size=30_000_000) as form:
        world.transcription_requests.append({k: v for k, v in form.items() if isinstance(v, str)})
        return JSONResponse(await _transcribe_form(form, world.rules))


async def _synthesize(request: Request, world: World, fault: Fault | None) -> ASGIApp:
    body = await request.json()
    world.speech_requests.append(body)
    return _synthesize_speech(body, world.rules)


async def _complete(request: Request, world: World, fault: Fault | None) -> ASGIApp:
    body = await request.body()
    world.chat_requests.append(json.loads(body))
    return await answer_chat(body, world.chat, fault)


def _check_key(request: Request, rules: Rules) -> None:
    given = request.headers.get("authorization")
    if rules.key is not None and given != f"Bearer {rules.key}":
        message = f"Incorrect API key provided: {given}."
        raise error_response(message, None, "invalid_api_key", 401)


async def _transcribe_form(form: FormData, rules: Rules) -> dict[str, Any]:
    if unknown := set(form) - _FIELDS:
        raise error_response(
            f"Unknown parameter: {min(unknown)}", min(unknown), "unknown_parameter"
        )
    upload, model = form.get("file"), form.get("model")
    if not isinstance(upload, UploadFile) or not upload.filename:
        raise error_response("file is required", "file", "missing_required_parameter")
    if model not in rules.models:
        raise error_response(f"The model `{model}` does not exist", None, "model_not_found", 404)
    language = form.get("language")
    if language is not None and not re.fullmatch(r"[a-z]{2}", str(language)):
        raise error_response("Invalid language", "language", "invalid_language_format")
    response_format = form.get("response_format", "json")
    if response_format not in ("json", "verbose_json") or (
        response_format == "verbose_json" and not rules.has_segments
    ):
        message = f"response_format '{response_format}' is not compatible with model '{model}'"
        raise error_response(message, "response_format", "unsupported_value")
    return await _transcribe_upload(upload, rules, is_verbose=response_format == "verbose_json")


async def _transcribe_upload(
    upload: UploadFile, rules: Rules, *, is_verbose: bool
) -> dict[str, Any]:
    kind, data = (upload.filename or "").rpartition(".")[2], await upload.read()
    if len(data) > MAX_BYTES:
        message = f"Maximum content size limit ({MAX_BYTES}) exceeded"
        raise error_response(f"{message} ({len(data)} bytes read)", None, None, 413)
    try:
        pcm, rate_hz = await asyncio.to_thread(decode, data, kind)
    except ApiError:
        raise error_response("Invalid file format.", "file", None) from None
    duration_s = len(pcm) / 2 / rate_hz
    await asyncio.sleep(rules.latency_s + duration_s * rules.realtime_factor)
    if rules.transcript is None:
        words = [(f"w{one.number}", one.start_s, one.end_s) for one in read_words(pcm, rate_hz)]
    else:
        words = [(rules.transcript, 0.0, duration_s)]
    text = " ".join(name for name, _, _ in words)
    if not is_verbose:
        return {"text": text, "usage": {"type": "duration", "seconds": round(duration_s)}}
    segments = [
        {"id": n, "start": start_s, "end": end_s, "text": f" {name}"}
        for n, (name, start_s, end_s) in enumerate(words)
    ]
    return {"task": "transcribe", "duration": duration_s, "text": text, "segments": segments}


def _synthesize_speech(body: dict[str, Any], rules: Rules) -> Response:
    if unknown := set(body) - _SPEECH_FIELDS:
        raise error_response(
            f"Unknown parameter: {min(unknown)}", min(unknown), "unknown_parameter"
        )
    if body.get("model") not in rules.speech_models:
        message = f"The model `{body.get('model')}` does not exist"
        raise error_response(message, None, "model_not_found", 404)
    text = body.get("input")
    if not isinstance(text, str) or not 0 < len(text) <= 4096:
        raise error_response("input must have 1 to 4096 characters", "input", "string_too_long")
    if body.get("voice") not in rules.voices:
        raise error_response(f"voice must be one of {sorted(rules.voices)}", "voice", None)
    form = rules.own_format or body.get("response_format", "mp3")
    if form not in (rules.own_format, *rules.formats):
        raise error_response(f"response_format '{form}' is not supported", "response_format", None)
    return _stream_audio(form, synthesize(text), rules)


def _stream_audio(form: str, pcm: bytes, rules: Rules) -> Response:
    if form == "mp3":
        return Response(b"ID3" + bytes(400), media_type="audio/mpeg")
    # A streamed WAV header has no length.
    wav = make_wav(pcm, rate_hz=RATE_HZ)
    head = wav[:4] + b"\xff" * 4 + wav[8:40] + b"\xff" * 4 if form == "wav" else b""
    whole = head + pcm
    whole = whole[: len(whole) - rules.missing_bytes]

    async def paced() -> AsyncIterator[bytes]:
        for start in range(0, len(whole), rules.chunk_bytes):
            yield whole[start : start + rules.chunk_bytes]
            await asyncio.sleep(rules.chunk_latency_s)

    return StreamingResponse(paced(), media_type=f"audio/{form}")
