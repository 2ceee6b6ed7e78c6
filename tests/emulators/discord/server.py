"""The server itself: API, files and gateway on one port, in a thread of its own."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from tests.emulators.discord import http
from tests.emulators.discord.api import Api
from tests.emulators.discord.calls import Fault, InvalidRequests, Limits, RecordedRequest
from tests.emulators.discord.errors import ApiError
from tests.emulators.discord.gateway import Gateway
from tests.emulators.discord.orders import Orders
from tests.emulators.discord.world import World
from tests.emulators.serving import Serving, break_connection, stay_silent

TOKEN = "MTIzNDU2Nzg5MDEyMzQ1Njc4.GhIjKl.abcdefghijklmnopqrstuvwxyz0123456789AB"
API_PATH = "/api/v10"
#: Faults that let the request happen; only its answer suffers.
AFTERWARDS = ("lose_reply", "delay", "cut")


class DiscordServer(Orders):
    """A local Discord for one bot, with the people around it."""

    def __init__(self, token: str = TOKEN, *, port: int = 0) -> None:
        super().__init__(World(token), port)
        clock = self.world.clock
        self.api = Api(self.world, Limits(clock), InvalidRequests(clock))
        self.gateway = Gateway(self.api)
        self._server: Serving | None = None

    @property
    def api_base_url(self) -> str:
        """What DISCORD_API_BASE_URL is set to."""
        return f"{self.base_url}{API_PATH}"

    @property
    def gateway_url(self) -> str:
        """Where the gateway is; GET /gateway/bot tells it."""
        return f"ws://127.0.0.1:{self.port}/gateway"

    # --- life

    async def serve(self) -> None:
        self._server = Serving(self, port=self.port, has_websockets=True)
        self.port = int(self._server.origin.rpartition(":")[2])
        self.world.base_url, self.api.gateway_url = self.base_url, self.gateway_url
        await self._server.serve()

    def is_serving(self) -> bool:
        return self._server is not None and self._server.is_serving()

    def end_serving(self) -> None:
        assert self._server is not None
        self._server.end_serving()
        self.gateway.voice.stop()
        self._server = None

    # --- connections

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or one socket."""
        if scope["type"] == "websocket":
            is_voice = scope["path"] == "/"
            server = self.gateway.voice if is_voice else self.gateway
            await server.serve(WebSocket(scope, receive, send))
            return
        request, path = Request(scope, receive), scope["path"]
        if path == "/control/connected":  # asked where the server is a process of its own
            await JSONResponse({"result": self.connected()})(scope, receive, send)
        elif path.startswith((f"{API_PATH}/", "/attachments/")):
            await self._answer(request, send)
        else:
            await Response(status_code=404)(scope, receive, send)

    async def _answer(self, request: Request, send: Send) -> None:
        # The path as it was sent: an emoji in it stays quoted.
        path = request.scope["raw_path"].decode().partition("?")[0]
        asked = f"{request.method} {path.removeprefix(API_PATH)}"
        is_file = path.startswith("/attachments/")
        name, values = ("GET /cdn", {}) if is_file else http.find_route(asked)
        call = RecordedRequest(name, path.removeprefix(API_PATH), self.world.clock.monotonic())
        self.requests.append(call)
        fault = self.faults.pick(name, asked)
        call.fault = fault.kind if fault else ""
        if fault is not None and fault.kind not in AFTERWARDS:
            await self._spoil(fault, call, request, send)
            return
        if is_file:
            answer = self._download(request, call)
        else:
            answer = await http.answer(self.api, call, request, values)
        await self._deliver(answer, fault, call, request, send)

    async def _spoil(
        self, fault: Fault, call: RecordedRequest, request: Request, send: Send
    ) -> None:
        if fault.kind == "hang":
            await stay_silent(request.scope, request.receive, send)
        elif fault.kind == "close":
            break_connection(request.scope, is_reset=True)
        else:
            await request.body()
            answer = http.spoil(self.api, call, fault)
            await answer(request.scope, request.receive, send)

    async def _deliver(
        self,
        answer: Response,
        fault: Fault | None,
        call: RecordedRequest,
        request: Request,
        send: Send,
    ) -> None:
        if fault is not None and fault.kind in ("lose_reply", "cut"):
            if fault.kind == "cut":
                await _send_half(answer, send)
            call.status = 0
            break_connection(request.scope, is_reset=fault.kind == "lose_reply")
            return
        if fault is not None and fault.kind == "delay":
            await asyncio.sleep(fault.delay_s)
        await answer(request.scope, request.receive, send)

    def _download(self, request: Request, call: RecordedRequest) -> Response:
        try:
            with self.world.lock:
                file = self.world.open_link(request.url.path, dict(request.query_params))
        except ApiError as error:
            call.status = error.status
            return Response(str(error), error.status, media_type="text/plain")
        call.status = 200
        return Response(file.data, media_type=file.mime or "application/octet-stream")


async def _send_half(answer: Response, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": answer.raw_headers})
    half = bytes(answer.body)[: len(answer.body) // 2]
    await send({"type": "http.response.body", "body": half, "more_body": True})
