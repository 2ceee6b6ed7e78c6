"""The local Telegram server: connections, API requests, downloads and faults."""

from __future__ import annotations

import asyncio
import contextlib
import math
import tempfile
from pathlib import Path
from typing import Any

from tests.emulators.common import locked
from tests.emulators.control import run_control
from tests.emulators.telegram.api import Api, ApiRequest
from tests.emulators.telegram.errors import WEBHOOK_IS_SET, ApiError, too_many_requests
from tests.emulators.telegram.faulty_responses import RESPONSE_FAULTS, send_bytes, send_fault
from tests.emulators.telegram.inspection import Inspection
from tests.emulators.telegram.methods import METHODS
from tests.emulators.telegram.polling import Poller
from tests.emulators.telegram.traffic import REFUSED_S, Limits, RecordedRequest
from tests.emulators.telegram.updates import UpdateQueue
from tests.emulators.telegram.webhook import Webhook
from tests.emulators.telegram.wire import (
    MAX_HEAD_BYTES,
    Params,
    Request,
    build_json,
    read_params,
    read_request,
)
from tests.emulators.telegram.world import World
from tests.support.ports import free_port

TOKEN = "123456:AAAabcdefghijklmnopqrstuvwxyz0123456"


class TelegramServer(Inspection):
    """A local Telegram Bot API server for one bot and its users."""

    def __init__(self, token: str = TOKEN, *, is_local: bool = False, port: int = 0) -> None:
        world = World(token, is_local=is_local)
        super().__init__(world, port)
        self.queue = UpdateQueue(world)
        self.api = Api(world, self.queue, Limits(world.clock))
        self._loop: asyncio.AbstractEventLoop
        self._is_up = False
        self._poller = Poller(self.queue)
        self._webhook = Webhook(world, self.queue, self._poller)
        #: What was sent to the webhook, oldest first.
        self.deliveries = self._webhook.deliveries
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def api_base_url(self) -> str:
        """The prefix of API URLs, to which the token is appended."""
        return f"{self.base_url}/bot"

    @property
    def file_base_url(self) -> str:
        """The prefix of download URLs, to which the token is appended."""
        return f"{self.base_url}/file/bot"

    @property
    def settings(self) -> dict[str, str]:
        """The settings of a program whose bot is on this server."""
        return {
            "TELEGRAM_BOT_TOKEN": self.token,
            "TELEGRAM_API_BASE_URL": self.api_base_url,
            "TELEGRAM_FILE_BASE_URL": self.file_base_url,
        }

    @locked
    def webhook(self) -> dict[str, Any]:
        """Return what getWebhookInfo returns."""
        return self._webhook.info()

    # --- start and stop

    def is_serving(self) -> bool:
        return self._is_up

    def end_serving(self) -> None:
        self._loop.call_soon_threadsafe(self._stopping.set)

    async def serve(self) -> None:
        with tempfile.TemporaryDirectory(prefix="telegram-bot-api-") as folder:
            self.api.folder = Path(folder)
            await self._listen()

    async def _listen(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        listener = await asyncio.start_server(
            self._connect, "127.0.0.1", self.port or free_port(), limit=MAX_HEAD_BYTES
        )
        self.port = listener.sockets[0].getsockname()[1]
        self.queue.on_push = self._on_push
        self._is_up = True
        self._poller.wake()
        pushing = asyncio.create_task(self._webhook.run())
        await self._stopping.wait()
        pushing.cancel()
        await asyncio.gather(pushing, return_exceptions=True)
        self.queue.on_push = lambda: None
        listener.close()
        # A connection that was just accepted must reach `_connect`, which closes it.
        await asyncio.sleep(0.01)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._is_up = False

    def _on_push(self) -> None:
        self._loop.call_soon_threadsafe(self._poller.wake)
        self._loop.call_soon_threadsafe(self._webhook.wake)

    # --- connections

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while request := await read_request(reader):
                if not await self._respond(request, reader, writer):
                    break
                await writer.drain()
                if request.headers.get("connection", "").lower() == "close":
                    break
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            self._record_disconnect(id(task))
            if self._stopping.is_set():
                writer.transport.abort()
            else:
                writer.close()

    async def _respond(
        self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """Respond to one request; return whether the connection stays open."""
        _, kind, *rest = request.path.split("/", 2)
        tail = rest[0] if rest else ""
        if kind == "control":
            writer.write(build_json(*run_control(self, tail, request.body)))
            return True
        if kind == "file":
            return await self._send_download(tail, reader, writer)
        if not kind.startswith("bot"):
            writer.write(build_json(404, ApiError(404).to_json()))
            return True
        return await self._answer_method(kind[3:], tail, request, reader, writer)

    async def _answer_method(
        self,
        token: str,
        method: str,
        request: Request,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> bool:
        api_request = self._record(method, read_params(request))
        fault = self.faults.pick(method, api_request.recorded.chat_id)
        if fault is not None:
            api_request.recorded.fault = fault.kind
            if fault.kind == "delay":
                await asyncio.sleep(fault.delay_s)
            elif fault.kind not in RESPONSE_FAULTS:
                return await send_fault(fault, api_request.recorded, reader, writer)
        status, body = await self._run(api_request, token)
        if fault is not None and fault.kind == "lose_reply":
            writer.transport.abort()
            return False
        api_request.recorded.status = status
        if not reader.at_eof():  # otherwise the client is gone
            api_request.recorded.responded_at = self.world.clock.monotonic()
        writer.write(build_json(status, body))
        return True

    def _record(self, method: str, params: Params) -> ApiRequest:
        values = params.values | {name: file.name for name, file in params.files.items()}
        recorded = RecordedRequest(method, values, self.world.clock.monotonic())
        with contextlib.suppress(KeyError, ValueError):
            recorded.chat_id = int(params.values["chat_id"])
        recorded.connection = id(asyncio.current_task())
        self.requests.append(recorded)
        return ApiRequest(self.api, params, recorded)

    def _record_disconnect(self, connection: int) -> None:
        with self.world.lock:
            for recorded in self.requests:
                if recorded.connection == connection and not recorded.disconnected_at:
                    recorded.disconnected_at = self.world.clock.monotonic()

    # --- API methods

    async def _run(self, api_request: ApiRequest, token: str) -> tuple[int, dict[str, Any]]:
        try:
            if token != self.token:
                raise ApiError(401 if ":" in token else 404)
            return 200, {"ok": True, "result": await self._run_method(api_request)}
        except ApiError as error:
            api_request.recorded.error = str(error)
            return error.status, error.to_json()
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            # JSON of the wrong shape, such as an entity without an offset.
            refused = ApiError(400, f"can't parse parameters: {type(error).__name__} {error}")
            api_request.recorded.error = str(refused)
            return refused.status, refused.to_json()

    async def _run_method(self, api_request: ApiRequest) -> Any:
        name = api_request.recorded.method.lower()
        if name == "getupdates":
            if self._webhook.url:
                raise ApiError(409, WEBHOOK_IS_SET)
            return await self._poller.get_updates(api_request)
        await self._space(api_request)
        with self.world.lock:
            if name in ("setwebhook", "deletewebhook"):
                return self._webhook.set(api_request)
            if name == "getwebhookinfo":
                return self._webhook.info()
            if name not in METHODS:
                raise ApiError(404, "method not found")
            return METHODS[name](api_request)

    async def _space(self, api_request: ApiRequest) -> None:
        """Let an upload wait for others of the same size. Raises ApiError 429."""
        size = sum(len(file.data) for file in api_request.params.files.values())
        wait_s = self.api.limits.space(size)
        if wait_s == math.inf:
            raise too_many_requests(REFUSED_S)
        if wait_s:
            await asyncio.sleep(wait_s)

    # --- downloads

    async def _send_download(
        self, tail: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        owner, _, path = tail.partition("/")
        recorded = RecordedRequest("download", {"path": path}, self.world.clock.monotonic())
        recorded.connection = id(asyncio.current_task())
        self.requests.append(recorded)
        fault = self.faults.pick("download", None)
        if fault is not None:
            recorded.fault = fault.kind
            if fault.kind == "delay":
                await asyncio.sleep(fault.delay_s)
            elif fault.kind not in RESPONSE_FAULTS:
                return await send_fault(fault, recorded, reader, writer)
        file_id = self.api.links.get(path)
        if owner != f"bot{self.token}" or file_id is None:
            recorded.status = 404
            writer.write(build_json(404, ApiError(404).to_json()))
            return True
        recorded.status = 200
        return await send_bytes(self.world.files[file_id].data, fault, writer)
