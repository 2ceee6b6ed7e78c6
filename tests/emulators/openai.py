"""A local server with OpenAI's transcription endpoint, strict on what the reference names.

Words of `mimo.tones` come back, each as a segment with its times.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from tests.emulators.mimo.contract import Refusal
from tests.emulators.mimo.faults import BREAKS, REFUSALS, Fault
from tests.emulators.mimo.listening import decode
from tests.emulators.mimo.tones import read_words
from tests.emulators.serving import Serving

_FIELDS = {"file", "model", "language", "prompt", "response_format", "temperature"}


@dataclass
class Rules:
    """How the server behaves; may be changed while it runs."""

    #: None: no key is asked for, as at home.
    key: str | None = None
    models: tuple[str, ...] = ("whisper-1",)
    #: False: as gpt-4o-transcribe, which knows no times.
    has_segments: bool = True


@dataclass
class World:
    rules: Rules = field(default_factory=Rules)
    faults: list[Fault] = field(default_factory=list)
    #: The form of every call, without the file.
    forms: list[dict[str, str]] = field(default_factory=list)


class OpenAIServer(Serving):
    """The server in a thread of this process."""

    def __init__(self, rules: Rules | None = None) -> None:
        self.world = World(rules or Rules())
        super().__init__(make_app(self.world))

    @property
    def base_url(self) -> str:
        return f"{self.origin}/v1"


def make_app(world: World) -> Starlette:
    async def transcribe(request: Request) -> ASGIApp:
        async with request.form(max_part_size=30_000_000) as form:
            world.forms.append({k: v for k, v in form.items() if isinstance(v, str)})
            try:
                _check_key(request, world.rules)
                if world.faults and (fault := world.faults.pop(0)):
                    return {**REFUSALS, **BREAKS}[fault.kind](fault)
                return JSONResponse(await _answer(form, world.rules))
            except Refusal as refusal:
                return JSONResponse(refusal.args[0], refusal.status)

    return Starlette(routes=[Route("/v1/audio/transcriptions", transcribe, methods=["POST"])])


def refuse(status: int, message: str, param: str | None, code: str | None) -> Refusal:
    error = {"message": message, "type": "invalid_request_error", "param": param, "code": code}
    refusal = Refusal(status, error)
    refusal.args = ({"error": error},)
    return refusal


def _check_key(request: Request, rules: Rules) -> None:
    given = request.headers.get("authorization")
    if rules.key is not None and given != f"Bearer {rules.key}":
        message = f"Incorrect API key provided: {given}."
        raise refuse(401, message, None, "invalid_api_key")


async def _answer(form: FormData, rules: Rules) -> dict[str, Any]:
    if unknown := set(form) - _FIELDS:
        raise refuse(400, f"Unknown parameter: {min(unknown)}", min(unknown), "unknown_parameter")
    upload, model = form.get("file"), form.get("model")
    if not isinstance(upload, UploadFile) or not upload.filename:
        raise refuse(400, "file is required", "file", "missing_required_parameter")
    if model not in rules.models:
        raise refuse(404, f"The model `{model}` does not exist", None, "model_not_found")
    language = form.get("language")
    if language is not None and not re.fullmatch(r"[a-z]{2}", str(language)):
        raise refuse(400, "Invalid language", "language", "invalid_language_format")
    shape = form.get("response_format", "json")
    if shape not in ("json", "verbose_json") or (
        shape == "verbose_json" and not rules.has_segments
    ):
        message = f"response_format '{shape}' is not compatible with model '{model}'"
        raise refuse(400, message, "response_format", "unsupported_value")
    return await _hear(upload, is_verbose=shape == "verbose_json")


async def _hear(upload: UploadFile, *, is_verbose: bool) -> dict[str, Any]:
    kind = (upload.filename or "").rpartition(".")[2]
    try:
        pcm, rate_hz = await asyncio.to_thread(decode, await upload.read(), kind)
    except Refusal:
        raise refuse(400, "Invalid file format.", "file", None) from None
    words = read_words(pcm, rate_hz)
    names = [f"w{word.number}" for word in words]
    text = " ".join(names)
    duration_s = len(pcm) / 2 / rate_hz
    if not is_verbose:
        return {"text": text, "usage": {"type": "duration", "seconds": round(duration_s)}}
    segments = [
        {"id": n, "start": word.start_s, "end": word.end_s, "text": f" {name}"}
        for n, (word, name) in enumerate(zip(words, names, strict=True))
    ]
    return {"task": "transcribe", "duration": duration_s, "text": text, "segments": segments}
