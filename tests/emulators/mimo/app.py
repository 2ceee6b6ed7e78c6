"""The HTTP side: the two addresses the service has, and one to steer the emulator by.

/_control/faults   POST a list of {kind, times, share, value} to add, DELETE to clear
/_control/rules    POST fields of Rules to change
/_control/texts    POST {sha256: text}
/_control/calls    GET the ledger
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Iterable
from dataclasses import asdict
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.emulators.mimo import faults
from tests.emulators.mimo.contract import Order, Refusal, check_key, read_order
from tests.emulators.mimo.faults import Fault
from tests.emulators.mimo.listening import Heard, listen, make_answer, make_events
from tests.emulators.mimo.world import Call, World
from tests.emulators.serving import break_connection


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
        *_control(world),
    ]
    return Starlette(routes=routes, exception_handlers={404: unknown, 405: unknown})


def _control(world: World) -> list[Route]:
    async def set_faults(request: Request) -> Response:
        if request.method == "DELETE":
            world.plan.faults.clear()
        else:
            world.plan.faults.extend(Fault(**fault) for fault in await request.json())
        return JSONResponse([asdict(fault) for fault in world.plan.faults])

    async def set_rules(request: Request) -> Response:
        for name, value in (await request.json()).items():
            if not hasattr(world.rules, name):
                raise HTTPException(422, f"no rule {name}")
            setattr(world.rules, name, tuple(value) if name == "models" else value)
        return JSONResponse(asdict(world.rules))

    async def set_texts(request: Request) -> Response:
        world.texts.update(await request.json())
        return JSONResponse(len(world.texts))

    async def get_calls(_: Request) -> Response:
        calls = [asdict(call) for call in list(world.calls)]
        return JSONResponse({"calls": calls, "most_under_way": world.most_under_way})

    return [
        Route("/_control/faults", set_faults, methods=["POST", "DELETE"]),
        Route("/_control/rules", set_rules, methods=["POST"]),
        Route("/_control/texts", set_texts, methods=["POST"]),
        Route("/_control/calls", get_calls, methods=["GET"]),
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

    async def _answer(self, call: Call) -> ASGIApp:
        body = await self._request.body()
        call.key_header = _name_key_header(self._request)
        try:
            check_key(self._request.headers, self._world.rules.key)
            order = read_order(
                self._request.headers.get("content-type", ""), body, self._world.rules.models
            )
            _note(call, order)
            self._world.check_limits()
            fault = self._world.plan.draw(is_streamed=order.is_streamed)
            call.fault = fault.kind if fault else ""
            early = _find_early(fault)
            if early is not None:
                return early
            heard = await asyncio.to_thread(listen, order, self._world.texts)
        except Refusal as refusal:
            return _refuse(refusal)
        return await self._say(call, order, heard, fault)

    async def _say(self, call: Call, order: Order, heard: Heard, fault: Fault | None) -> ASGIApp:
        call.sha256, call.duration_s, call.text = heard.sha256, heard.duration_s, heard.text
        self._world.bill(call, heard.prompt_tokens + heard.completion_tokens)
        wait_s = self._world.rules.latency_s + heard.duration_s * self._world.rules.realtime_factor
        answer = make_answer(heard, order.model, uuid.uuid4().hex)
        if fault and fault.kind in faults.ANSWERS:
            answer = faults.ANSWERS[fault.kind](answer)
        if not order.is_streamed:
            await asyncio.sleep(wait_s)
            return JSONResponse(answer)
        return _stream(answer, wait_s, fault)


def _find_early(fault: Fault | None) -> ASGIApp | None:
    """Return the answer that needs no model, None if the model is to be asked."""
    if fault is None:
        return None
    make = faults.REFUSALS.get(fault.kind) or faults.BREAKS.get(fault.kind)
    return make(fault) if make else None


def _stream(answer: dict[str, Any], wait_s: float, fault: Fault | None) -> ASGIApp:
    if not answer["choices"]:
        events: Iterable[bytes] = [
            b"data: " + json.dumps(answer).encode() + b"\n\n",
            b"data: [DONE]\n\n",
        ]
    else:
        whole = make_events(answer)
        alter = faults.STREAMS.get(fault.kind) if fault else None
        events = alter(whole) if alter else whole
    parts = list(events)
    if fault and fault.kind == "sse_reset":
        return _cut_stream(parts)

    async def paced() -> AsyncIterator[bytes]:
        for part in parts:
            yield part
            await asyncio.sleep(wait_s / len(parts))

    return StreamingResponse(paced(), media_type="text/event-stream")


def _cut_stream(parts: list[bytes]) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for part in parts[: len(parts) // 2]:
            await send({"type": "http.response.body", "body": part, "more_body": True})
        await asyncio.sleep(0.02)
        break_connection(scope, is_reset=True)

    return app


def _note(call: Call, order: Order) -> None:
    call.model, call.language, call.is_streamed = order.model, order.language, order.is_streamed
    call.sound_bytes = len(order.sound)


def _name_key_header(request: Request) -> str:
    names = [name for name in ("api-key", "authorization") if name in request.headers]
    return names[0] if len(names) == 1 else ("both" if names else "neither")


def _refuse(refusal: Refusal) -> Response:
    return Response(refusal.body, refusal.status, media_type="application/json")
