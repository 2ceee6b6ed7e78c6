"""What the page may ask for, under /api."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Request, Response, WebSocket, WebSocketDisconnect
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from bots.common.uploads import BAD_FORM, MAX_FILE_BYTES, read_form, read_small
from bots.web_chat.events import Events, Outbox
from bots.web_chat.intake import check_id, read_message, read_text, read_upload
from bots.web_chat.queries import Queries, find_job, language_of, require_chat
from bots.web_chat.session import read_chat, renew
from bots.web_chat.wire import build_entry
from core.clock import CLOCK, Clock
from core.commands import menu
from core.inbox import Inbox
from core.locale import translate
from core.models import Message

#: A body that takes longer than this is not coming.
_UPLOAD_S = 600


class PressRequest(BaseModel):
    """A button that a person pressed."""

    model_config = ConfigDict(extra="forbid")

    #: Made by the page: the press is a message of its own.
    id: str
    token: Annotated[str, StringConstraints(min_length=1, max_length=200)]


@dataclass(frozen=True)
class Api:
    """The routes of the page."""

    inbox: Inbox
    events: Events
    clock: Clock = CLOCK
    #: True where people had to log in, and so may log out.
    has_login: bool = False

    def build_router(self) -> APIRouter:
        """Return the routes, to be included in the app."""
        router = APIRouter(prefix="/api")
        router.add_api_route("/session", self.renew_session, methods=["POST"])
        router.add_api_route("/messages", self.post_message, methods=["POST"])
        router.add_api_route("/buttons", self.press_button, methods=["POST"])
        router.add_api_route("/commands", self.list_commands, methods=["GET"])
        router.include_router(Queries(self.inbox, self.clock).build_router())
        router.add_api_websocket_route("/events", self.follow)
        return router

    async def renew_session(self, request: Request) -> Response:
        """Begin the browser's session or keep it."""
        session = {"max_file_bytes": MAX_FILE_BYTES, "has_login": self.has_login}
        response = JSONResponse(session)
        renew(request, response)
        return response

    async def post_message(self, request: Request) -> dict[str, Any]:
        """Take in a message: committed before it is answered; the same id twice is one message."""
        chat = require_chat(request)
        async with asyncio.timeout(_UPLOAD_S):
            form = await read_form(request)
        try:
            message_id = check_id(read_text(form, "id"))
            attachment, data = await read_upload(form, message_id)
            message = await read_message(form, attachment, chat, self.inbox, self.clock.now())
        finally:
            await form.close()
        return await self._accept(request, message, data)

    async def press_button(self, request: Request) -> dict[str, Any]:
        """Take in a pressed button: a message whose words the token stands for."""
        chat = require_chat(request)
        try:
            press = PressRequest.model_validate_json(await read_small(request))
        except ValidationError as error:
            raise HTTPException(400, BAD_FORM) from error
        fields = {"id": press.id, "text": press.token}
        message = await read_message(fields, None, chat, self.inbox, self.clock.now())
        message = replace(message, text="", command="", button=press.token)
        return await self._accept(request, message, None)

    async def list_commands(self, request: Request) -> list[dict[str, str]]:
        """Return what can be asked for by name, in the order of the menu."""
        language = language_of(request)
        return [
            {"name": name, "argument": command.usage, "help": translate(command.help, language)}
            for name, command in menu()
        ]

    async def follow(self, socket: WebSocket) -> None:
        """Tell an open page what happens in its chat, until it is closed."""
        chat = read_chat(socket)
        if chat is None:
            await socket.close(1008)
            return
        # First of all: a page that knows that it is connected misses nothing from then on.
        outbox = self.events.open(chat)
        try:
            await socket.accept()
            await _stream_events(socket, outbox)
        finally:
            self.events.close(chat, outbox)

    async def _accept(
        self, request: Request, message: Message, data: bytes | None
    ) -> dict[str, Any]:
        if like := read_chat(request, "like"):
            await self.inbox.begin(message.chat, like)
        job = await self.inbox.accept(replace(message, language=language_of(request)), data)
        if job is None:
            job = await find_job(self.inbox, message.chat, message.message_id)
        return {"entry": build_entry(job) if job else None}


async def _stream_events(socket: WebSocket, outbox: Outbox) -> None:
    sending = asyncio.create_task(_send_events(socket, outbox))
    try:
        while (await socket.receive())["type"] != "websocket.disconnect":
            pass
    finally:
        sending.cancel()


async def _send_events(socket: WebSocket, outbox: Outbox) -> None:
    with suppress(WebSocketDisconnect, RuntimeError):
        while True:
            for event in await outbox.take():
                await socket.send_json(event)
