"""The local Discord server: REST API, files, gateway and voice gateway on one port."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from tests.emulators.control import run_control
from tests.emulators.discord import rest_api
from tests.emulators.discord.api import Api
from tests.emulators.discord.endpoint import Endpoint
from tests.emulators.discord.errors import ApiError
from tests.emulators.discord.gateway import Gateway
from tests.emulators.discord.gateway_controls import GatewayControls
from tests.emulators.discord.traffic import Fault, InvalidRequests, Limits, RecordedRequest
from tests.emulators.discord.world import World
from tests.emulators.local_server import AsgiServer, break_connection, never_respond

TOKEN = "MTIzNDU2Nzg5MDEyMzQ1Njc4.GhIjKl.abcdefghijklmnopqrstuvwxyz0123456789AB"
API_PATH = "/api/v10"
#: Faults that affect the response only: the request is carried out.
RESPONSE_FAULTS = ("lose_reply", "delay", "cut", "slow")


class DiscordServer(GatewayControls):
    """A local Discord server for one bot and its users."""

    def __init__(self, token: str = TOKEN, *, port: int = 0) -> None:
        super().__init__(World(token), port)
        clock = self.world.clock
        self.api = Api(self.world, Limits(clock), InvalidRequests(clock))
        self.gateway = Gateway(self.api)
        #: Where interactions are posted once a URL is saved: `await server.endpoint.save(url)`.
        self.endpoint = Endpoint(self.api)
        self._server: AsgiServer | None = None

    @property
    def api_base_url(self) -> str:
        """The value of DISCORD_API_BASE_URL."""
        return f"{self.base_url}{API_PATH}"

    @property
    def gateway_url(self) -> str:
        """The URL that GET /gateway/bot returns."""
        return f"ws://127.0.0.1:{self.port}/gateway"

    # --- start and stop

    async def serve(self) -> None:
        self._server = AsgiServer(self, port=self.port, has_websockets=True)
        self.port = int(self._server.origin.rpartition(":")[2])
        self.world.base_url, self.api.gateway_url = self.base_url, self.gateway_url
        self.endpoint.loop = asyncio.get_running_loop()
        await self._server.serve()
        self.endpoint.stop()

    def is_serving(self) -> bool:
        return self._server is not None and self._server.is_serving()

    def end_serving(self) -> None:
        assert self._server is not None
        self._server.end_serving()
        self.gateway.voice.stop()
        self._server = None

    # --- connections

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or WebSocket."""
        if scope["type"] == "websocket":
            is_voice = scope["path"] == "/"
            server = self.gateway.voice if is_voice else self.gateway
            await server.serve(WebSocket(scope, receive, send))
            return
        request, path = Request(scope, receive), scope["path"]
        if path.startswith("/control/"):
            method = path.removeprefix("/control/")
            status, result = run_control(self, method, await request.body())
            await JSONResponse(result, status)(scope, receive, send)
        elif path.startswith((f"{API_PATH}/", "/attachments/")):
            await self._respond(request, send)
        else:
            await Response(status_code=404)(scope, receive, send)

    async def _respond(self, request: Request, send: Send) -> None:
        # The raw path, in which an emoji stays percent-encoded.
        path = request.scope["raw_path"].decode().partition("?")[0]
        line = f"{request.method} {path.removeprefix(API_PATH)}"
        is_file = path.startswith("/attachments/")
        name, values = ("GET /cdn", {}) if is_file else rest_api.find_route(line)
        recorded = RecordedRequest(name, path.removeprefix(API_PATH), self.world.clock.monotonic())
        self.requests.append(recorded)
        fault = self.faults.pick(name, line)
        recorded.fault = fault.kind if fault else ""
        if fault is not None and fault.kind not in RESPONSE_FAULTS:
            await self._send_fault(fault, recorded, request, send)
            return
        if is_file:
            answer = self._download(request, recorded)
        else:
            answer = await rest_api.respond(self.api, recorded, request, values)
        await self._deliver(answer, fault, recorded, request, send)

    async def _send_fault(
        self, fault: Fault, recorded: RecordedRequest, request: Request, send: Send
    ) -> None:
        if fault.kind == "hang":
            await never_respond(request.scope, request.receive, send)
        elif fault.kind == "close":
            break_connection(request.scope, is_reset=True)
        else:
            await request.body()
            answer = rest_api.make_faulty_response(self.api, recorded, fault)
            await answer(request.scope, request.receive, send)

    async def _deliver(
        self,
        answer: Response,
        fault: Fault | None,
        recorded: RecordedRequest,
        request: Request,
        send: Send,
    ) -> None:
        if fault is not None and fault.kind in ("lose_reply", "cut"):
            if fault.kind == "cut":
                await _send_half(answer, send)
            recorded.status = 0
            break_connection(request.scope, is_reset=fault.kind == "lose_reply")
            return
        if fault is not None and fault.kind == "delay":
            await asyncio.sleep(fault.delay_s)
        if fault is not None and fault.kind == "slow":
            answer = _slow_down(answer, fault.bytes_per_s)
        await answer(request.scope, request.receive, send)

    def _download(self, request: Request, recorded: RecordedRequest) -> Response:
        try:
            with self.world.lock:
                file = self.world.open_link(request.url.path, dict(request.query_params))
        except ApiError as error:
            recorded.status = error.status
            return Response(str(error), error.status, media_type="text/plain")
        recorded.status = 200
        return Response(file.data, media_type=file.mime or "application/octet-stream")


def _slow_down(answer: Response, bytes_per_s: int) -> Response:
    """Return a response that sends its body piece by piece."""
    body = bytes(answer.body)

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), bytes_per_s):
            yield body[start : start + bytes_per_s]
            await asyncio.sleep(1)

    return StreamingResponse(pieces(), answer.status_code, dict(answer.headers))


async def _send_half(answer: Response, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": answer.raw_headers})
    half = bytes(answer.body)[: len(answer.body) // 2]
    await send({"type": "http.response.body", "body": half, "more_body": True})
