"""The HTTP side: the two addresses the service has, and two to steer it by."""

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
from tests.emulators.mimo.chat_contract import ChatRequest, read_chat_order
from tests.emulators.mimo.contract import Order, Refusal, check_key, read_body, read_order
from tests.emulators.mimo.faults import Fault, Role
from tests.emulators.mimo.listening import listen, make_answer, make_events
from tests.emulators.mimo.speaking import (
    RATE_HZ,
    cut_file,
    make_file,
    make_speech_answer,
    make_speech_events,
    make_speech_usage,
    speak,
)
from tests.emulators.mimo.speech_contract import SpeechRequest, read_speech_order
from tests.emulators.mimo.understanding import Understood, make_chat_answer, understand
from tests.emulators.mimo.world import RecordedRequest, World


def make_app(world: World) -> Starlette:
    async def complete(request: Request) -> ASGIApp:
        return _Exchange(world, request)

    async def list_models(request: Request) -> Response:
        call = world.begin(request.method, request.url.path)
        try:
            call.key_header = _name_key_header(request)
            check_key(request.headers, world.rules.key)
            entries = [
                {"id": m, "object": "model", "owned_by": "xiaomi"} for m in world.rules.models
            ]
            response: Response = JSONResponse({"object": "list", "data": entries})
        except Refusal as refusal:
            response = _refuse(refusal)
        call.status = response.status_code
        world.end(call)
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
    """Return what steers a server in a process of its own: the rules to change, and the ledger."""

    async def set_rules(request: Request) -> Response:
        vars(world.rules).update(await request.json())
        return JSONResponse(asdict(world.rules))

    async def get_requests(_: Request) -> Response:
        return JSONResponse({"requests": [asdict(call) for call in list(world.requests)]})

    return [
        Route("/_control/rules", set_rules, methods=["POST"]),
        Route("/_control/requests", get_requests, methods=["GET"]),
    ]


class _Exchange:
    """One call to the model, from its check to the last byte of its answer."""

    def __init__(self, world: World, request: Request) -> None:
        self._world = world
        self._request = request

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        call = self._world.begin(self._request.method, self._request.url.path)

        async def send_noted(message: Any) -> None:
            if message["type"] == "http.response.start":
                call.status = message["status"]
            await send(message)

        try:
            response = await self._answer(call)
            await response(scope, receive, send_noted)
        except ClientDisconnect:
            pass
        finally:
            self._world.end(call)

    async def _answer(self, call: RecordedRequest) -> ASGIApp:
        body = await self._request.body()
        call.key_header = _name_key_header(self._request)
        try:
            check_key(self._request.headers, self._world.rules.key)
            content_type = self._request.headers.get("content-type", "")
            fields = read_body(content_type, body, self._world.rules.models)
            call.model = fields["model"]
            if "tts" in call.model:
                call.body = fields
                return await self._speak(call, read_speech_order(fields))
            if "asr" in call.model.lower():
                return await self._listen(call, read_order(fields))
            return await self._reply(call, read_chat_order(fields, self._world.urls))
        except Refusal as refusal:
            return _refuse(refusal)

    async def _listen(self, call: RecordedRequest, order: Order) -> ASGIApp:
        call.language, call.is_streamed = order.language, order.is_streamed
        call.audio_bytes, call.body = len(order.sound), order.shown
        fault, early = self._draw(call, "hear")
        if early is not None:
            return early
        heard = await asyncio.to_thread(listen, order, self._world.texts)
        call.sha256, call.duration_s, call.text = heard.sha256, heard.duration_s, heard.text
        return await self._send(call, make_answer(heard, order.model, uuid.uuid4().hex), fault)

    async def _speak(self, call: RecordedRequest, order: SpeechRequest) -> ASGIApp:
        call.is_streamed, call.text = order.is_streamed, order.text
        call.audio_bytes = len(order.sample)
        fault, early = self._draw(call, "speak")
        if early is not None:
            return early
        kind, rules = fault.kind if fault else "", self._world.rules
        pcm = await asyncio.to_thread(speak, order.text)
        call.sha256, call.duration_s = hashlib.sha256(pcm).hexdigest(), len(pcm) / 2 / RATE_HZ
        usage = make_speech_usage(order, call.duration_s)
        self._world.bill(call, usage["total_tokens"])
        file = faults.SOUNDS.get(kind, bytes)(make_file(order, pcm))
        chunks = faults.CHUNKS.get(kind, list)(cut_file(order, file, rules.chunk_bytes))
        answer = {**make_speech_answer(order, chunks[0], uuid.uuid4().hex), "usage": usage}
        answer = faults.ANSWERS.get(kind, dict)(answer)
        await asyncio.sleep(rules.latency_s + call.duration_s * rules.realtime_factor)
        if not order.is_streamed:
            return JSONResponse(answer)
        events = make_speech_events(answer, chunks)
        return _stream(events, rules.chunk_latency_s * len(chunks), fault)

    def _draw(self, call: RecordedRequest, role: Role) -> tuple[Fault | None, ASGIApp | None]:
        """Return the fault that befalls the call, and its answer where that needs no model."""
        self._world.check_limits(call.model)
        fault = self._world.plan.draw(role, is_streamed=call.is_streamed)
        if fault is None:
            return None, None
        call.fault = fault.kind
        make = {**faults.REFUSALS, **faults.BREAKS}.get(fault.kind)
        return fault, make(fault) if make else None

    async def _reply(self, call: RecordedRequest, order: ChatRequest) -> ASGIApp:
        call.is_streamed, call.question = order.is_streamed, order.question
        call.body = order.shown
        fault, early = self._draw(call, "answer")
        if early is not None:
            return early
        world = self._world
        told = await asyncio.to_thread(
            understand, order, world.scripts, world.texts, world.rules.context_tokens
        )
        _note_answer(call, order, told)
        answer = make_chat_answer(told, order.model, uuid.uuid4().hex)
        return await self._send(call, answer, fault)

    async def _send(
        self, call: RecordedRequest, answer: dict[str, Any], fault: Fault | None
    ) -> ASGIApp:
        """Bill an answer in words, spoil it as the fault wants, and send it whole or streamed."""
        rules = self._world.rules
        self._world.bill(call, answer["usage"]["total_tokens"])
        wait_s = rules.latency_s + call.duration_s * rules.realtime_factor
        spoil = {**faults.ANSWERS, **faults.CHATS}.get(fault.kind) if fault else None
        if spoil:
            answer = spoil(answer)
        if not call.is_streamed:
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


def _note_answer(call: RecordedRequest, order: ChatRequest, told: Understood) -> None:
    call.sounds = [
        {"kind": sound.kind, "duration_s": duration_s}
        for sound, duration_s in zip(order.sounds, told.durations_s, strict=True)
    ]
    call.audio_bytes = sum(len(sound.data) for sound in order.sounds)
    call.duration_s, call.text = sum(told.durations_s), told.text


def _name_key_header(request: Request) -> str:
    names = [name for name in ("api-key", "authorization") if name in request.headers]
    return names[0] if len(names) == 1 else ("both" if names else "neither")


def _refuse(refusal: Refusal) -> Response:
    return Response(refusal.body, refusal.status, media_type="application/json")
