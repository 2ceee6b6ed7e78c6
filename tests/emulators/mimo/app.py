"""HTTP app of the local MiMo: /chat/completions, /models and the control API."""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import Any

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.emulators.mimo import faults
from tests.emulators.mimo.answering import GeneratedAnswer, generate_answer, make_chat_answer
from tests.emulators.mimo.chat_contract import ChatRequest, read_chat_request
from tests.emulators.mimo.contract import (
    ApiError,
    TranscriptionRequest,
    check_key,
    read_body,
    read_transcription_request,
)
from tests.emulators.mimo.faults import Fault, Role
from tests.emulators.mimo.speech_contract import SpeechRequest, read_speech_request
from tests.emulators.mimo.synthesis import (
    RATE_HZ,
    cut_file,
    make_file,
    make_speech_answer,
    make_speech_events,
    make_speech_usage,
    synthesize,
)
from tests.emulators.mimo.transcription import make_answer, make_events, transcribe
from tests.emulators.mimo.world import RecordedRequest, World


def make_app(world: World) -> Starlette:
    async def complete(request: Request) -> ASGIApp:
        return _Exchange(world, request)

    async def list_models(request: Request) -> Response:
        recorded = world.begin(request.method, request.url.path)
        try:
            recorded.key_header = _find_key_header(request)
            check_key(request.headers, world.rules.key)
            entries = [
                {"id": m, "object": "model", "owned_by": "xiaomi"} for m in world.rules.models
            ]
            response: Response = JSONResponse({"object": "list", "data": entries})
        except ApiError as error:
            response = _error_response(error)
        recorded.status = response.status_code
        world.end(recorded)
        return response

    async def unknown(request: Request, _: Exception) -> Response:
        world.end(world.begin(request.method, request.url.path))
        return Response(faults.HTML % 404, 404, media_type="text/html")

    routes = [
        Route("/v1/chat/completions", complete, methods=["POST"]),
        Route("/v1/models", list_models, methods=["GET"]),
        *_make_control(world),
    ]
    return Starlette(routes=routes, exception_handlers={404: unknown, 405: unknown})


def _make_control(world: World) -> list[Route]:
    """Return the control API of a server in its own process: rules and recorded requests."""

    async def set_rules(request: Request) -> Response:
        vars(world.rules).update(await request.json())
        return JSONResponse(asdict(world.rules))

    async def get_requests(_: Request) -> Response:
        return JSONResponse({"requests": [asdict(recorded) for recorded in list(world.requests)]})

    return [
        Route("/_control/rules", set_rules, methods=["POST"]),
        Route("/_control/requests", get_requests, methods=["GET"]),
    ]


class _Exchange:
    """A request to /chat/completions, from validation to the last byte of the response."""

    def __init__(self, world: World, request: Request) -> None:
        self._world = world
        self._request = request

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        recorded = self._world.begin(self._request.method, self._request.url.path)

        async def send_recorded(message: Any) -> None:
            if message["type"] == "http.response.start":
                recorded.status = message["status"]
            await send(message)

        try:
            response = await self._answer(recorded)
            await response(scope, receive, send_recorded)
        except ClientDisconnect:
            pass
        finally:
            self._world.end(recorded)

    async def _answer(self, recorded: RecordedRequest) -> ASGIApp:
        body = await self._request.body()
        recorded.key_header = _find_key_header(self._request)
        try:
            check_key(self._request.headers, self._world.rules.key)
            content_type = self._request.headers.get("content-type", "")
            fields = read_body(content_type, body, self._world.rules.models)
            recorded.model = fields["model"]
            if "tts" in recorded.model:
                recorded.body = fields
                return await self._synthesize(recorded, read_speech_request(fields))
            if "asr" in recorded.model.lower():
                return await self._transcribe(recorded, read_transcription_request(fields))
            return await self._answer_question(
                recorded, read_chat_request(fields, self._world.urls)
            )
        except ApiError as error:
            return _error_response(error)

    async def _transcribe(
        self, recorded: RecordedRequest, request: TranscriptionRequest
    ) -> ASGIApp:
        recorded.language, recorded.is_streamed = request.language, request.is_streamed
        recorded.audio_bytes, recorded.body = len(request.recording), request.shown
        fault, immediate = self._pick_fault(recorded, "transcribe")
        if immediate is not None:
            return immediate
        transcription = await asyncio.to_thread(transcribe, request, self._world.texts)
        recorded.sha256, recorded.duration_s, recorded.text = (
            transcription.sha256,
            transcription.duration_s,
            transcription.text,
        )
        return await self._send(
            recorded, make_answer(transcription, request.model, uuid.uuid4().hex), fault
        )

    async def _synthesize(self, recorded: RecordedRequest, request: SpeechRequest) -> ASGIApp:
        recorded.is_streamed, recorded.text = request.is_streamed, request.text
        recorded.audio_bytes = len(request.sample)
        fault, immediate = self._pick_fault(recorded, "synthesize")
        if immediate is not None:
            return immediate
        kind, rules = fault.kind if fault else "", self._world.rules
        pcm = await asyncio.to_thread(synthesize, request.text)
        recorded.sha256, recorded.duration_s = (
            hashlib.sha256(pcm).hexdigest(),
            len(pcm) / 2 / RATE_HZ,
        )
        usage = make_speech_usage(request, recorded.duration_s)
        self._world.bill(recorded, usage["total_tokens"])
        file = faults.BAD_AUDIO.get(kind, bytes)(make_file(request, pcm))
        chunks = faults.BAD_CHUNKS.get(kind, list)(cut_file(request, file, rules.chunk_bytes))
        answer = {**make_speech_answer(request, chunks[0], uuid.uuid4().hex), "usage": usage}
        answer = faults.ANSWERS.get(kind, dict)(answer)
        await asyncio.sleep(rules.latency_s + recorded.duration_s * rules.realtime_factor)
        if not request.is_streamed:
            return JSONResponse(answer)
        events = make_speech_events(answer, chunks)
        return _stream(events, rules.chunk_latency_s * len(chunks), fault)

    def _pick_fault(
        self, recorded: RecordedRequest, role: Role
    ) -> tuple[Fault | None, ASGIApp | None]:
        """Return the fault of a request, if any, and its response if that needs no model."""
        self._world.check_limits(recorded.model)
        fault = self._world.plan.pick(role, is_streamed=recorded.is_streamed)
        if fault is None:
            return None, None
        recorded.fault = fault.kind
        make = {**faults.ERROR_RESPONSES, **faults.BROKEN_CONNECTIONS}.get(fault.kind)
        return fault, make(fault) if make else None

    async def _answer_question(self, recorded: RecordedRequest, request: ChatRequest) -> ASGIApp:
        recorded.is_streamed, recorded.question = request.is_streamed, request.question
        recorded.body = request.shown
        fault, immediate = self._pick_fault(recorded, "answer")
        if immediate is not None:
            return immediate
        world = self._world
        generated = await asyncio.to_thread(
            generate_answer, request, world.scripts, world.texts, world.rules.context_tokens
        )
        _record_answer(recorded, request, generated)
        answer = make_chat_answer(generated, request.model, uuid.uuid4().hex)
        return await self._send(recorded, answer, fault)

    async def _send(
        self, recorded: RecordedRequest, answer: dict[str, Any], fault: Fault | None
    ) -> ASGIApp:
        """Bill a text answer, apply the fault, and send it whole or streamed."""
        rules = self._world.rules
        self._world.bill(recorded, answer["usage"]["total_tokens"])
        wait_s = rules.latency_s + recorded.duration_s * rules.realtime_factor
        wait_s += fault.value if fault and fault.kind == "slow" else 0.0
        alter = {**faults.ANSWERS, **faults.CHATS}.get(fault.kind) if fault else None
        if alter:
            answer = alter(answer)
        if not recorded.is_streamed:
            await asyncio.sleep(wait_s)
            return JSONResponse(answer)
        return _stream(make_events(answer), wait_s, fault)


def _stream(events: list[bytes], wait_s: float, fault: Fault | None) -> ASGIApp:
    alter = faults.STREAMS.get(fault.kind, list) if fault else list
    parts = list(alter(events))
    if fault and fault.kind == "sse_reset":
        half = b"".join(parts[: len(parts) // 2])
        return faults.cut_after(half, is_reset=True, media_type=b"text/event-stream")

    async def paced() -> AsyncIterator[bytes]:
        for part in parts:
            yield part
            await asyncio.sleep(wait_s / len(parts))

    return StreamingResponse(paced(), media_type="text/event-stream")


def _record_answer(
    recorded: RecordedRequest, request: ChatRequest, generated: GeneratedAnswer
) -> None:
    recorded.recordings = [
        {"kind": recording.kind, "duration_s": duration_s}
        for recording, duration_s in zip(request.recordings, generated.durations_s, strict=True)
    ]
    recorded.audio_bytes = sum(len(recording.data) for recording in request.recordings)
    recorded.duration_s, recorded.text = sum(generated.durations_s), generated.text


def _find_key_header(request: Request) -> str:
    names = [name for name in ("api-key", "authorization") if name in request.headers]
    return names[0] if len(names) == 1 else ("both" if names else "neither")


def _error_response(error: ApiError) -> Response:
    return Response(error.body, error.status, media_type="application/json")
