"""Sends one message by the first open route, with retries; no request pings anybody."""

from __future__ import annotations

import asyncio
import base64
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import aiohttp
import discord
import structlog
from discord.http import Route
from discord.utils import snowflake_time

from bots.discord_bot.client.gateway import REQUEST_ERRORS, DiscordClient
from bots.discord_bot.errors import (
    INTERACTION_OVER,
    NO_ACCESS,
    NO_PERMISSION,
    TOO_MANY_FOLLOW_UPS,
    UNKNOWN_CHANNEL,
    UNKNOWN_MESSAGE,
    VOICE_REFUSED,
    describe,
    error_code_of,
    read_error,
)
from bots.discord_bot.outgoing.files import FILE_TOO_BIG, MAX_FILE_BYTES
from bots.discord_bot.outgoing.parts import escape
from bots.discord_bot.outgoing.routes import ORIGINAL, DiscordRequest
from core import metrics
from core.errors import ChatGone, MessageGone, PlatformBusy, PlatformError
from core.locale import mark, translate
from core.models import File

log = structlog.get_logger(__name__)

FILES_FORBIDDEN = mark("I do not have permission to send files in this channel.")

#: Total deadline of one request with its retries, and of one that uploads files.
CALL_S, UPLOAD_S = 60.0, 300.0
#: Waits before retries after a server error or a lost connection.
WAITS_S = (0.5, 1.0, 2.0, 4.0)
#: Changes to one request before it counts as refused.
MAX_FALLBACKS = 3
#: The channel no longer admits the bot, or not for this.
_CHANNEL_CLOSED = frozenset({UNKNOWN_CHANNEL, NO_ACCESS, NO_PERMISSION})
#: The message to edit is not the bot's, in an archived thread, or a voice message.
_NOT_EDITABLE = frozenset({UNKNOWN_MESSAGE, 50005, 50083, 50162})
_NEXT_ROUTE = _CHANNEL_CLOSED | _NOT_EDITABLE | INTERACTION_OVER | {TOO_MANY_FOLLOW_UPS}
#: The message to reply to cannot be read or replied to.
_NO_HISTORY, _INVALID_FORM = 160002, 50035
_TOO_LARGE = 40005

_SUPPRESS_EMBEDS, _EPHEMERAL, _SILENT, _VOICE = 1 << 2, 1 << 6, 1 << 12, 1 << 13
#: Discord parses edits anew, so each request says it.
_NO_MENTIONS = {"parse": [], "replied_user": False}


@dataclass(frozen=True, slots=True)
class Sent:
    """A message that was sent."""

    message_id: str
    #: The request that succeeded.
    route: DiscordRequest
    #: True where the chat refused it as a voice message first.
    is_voice_refused: bool = False


class Sender:
    """Sends single messages."""

    def __init__(self, client: DiscordClient) -> None:
        self._client = client

    async def send(
        self, routes: Sequence[DiscordRequest], *, language: str = "", is_retry: bool = False
    ) -> Sent:
        """Send a message by the first of `routes` that is open.

        is_retry: a part of the reply, or a live message, may have been sent before.
        Raises ChatGone, MessageGone when no route is open, other PlatformErrors.
        """
        refused: PlatformError = MessageGone("there is no route for the reply")
        is_voice_refused = False
        for route in routes:
            if not route.token and self._client.pacer.is_held(route.channel_id):
                refused = ChatGone("the channel has refused too often")
                continue
            try:
                if route.person_id:
                    route = await self._open_private(route)
                sent = await self._send_with_fallbacks(route, language, is_retry=is_retry)
            except discord.HTTPException as error:
                refused = self._read_refusal(error, route)
                is_voice_refused |= route.part.is_voice
            except REQUEST_ERRORS as error:
                raise read_error(error) from None
            else:
                metrics.SENDS.labels("discord", "ok").inc()
                return replace(sent, is_voice_refused=is_voice_refused)
        raise refused

    async def _open_private(self, route: DiscordRequest) -> DiscordRequest:
        await self._client.wait_open()
        raw = await self._client.http.start_private_message(int(route.person_id))
        return replace(route, person_id="", channel_id=str(raw["id"]))

    def _read_refusal(self, error: discord.HTTPException, route: DiscordRequest) -> PlatformError:
        """Return why a route is closed. Raises errors that no other route avoids."""
        code, ours = error_code_of(error), read_error(error)
        metrics.SENDS.labels("discord", type(ours).__name__).inc()
        is_voice = route.part.is_voice and (code in VOICE_REFUSED or code == _TOO_LARGE)
        if code not in _NEXT_ROUTE and not is_voice:
            raise ours from None
        log.info("discord_route_closed", code=code)
        return (
            ChatGone(describe(error)) if code in _CHANNEL_CLOSED else MessageGone(describe(error))
        )

    async def _send_with_fallbacks(
        self, request: DiscordRequest, language: str, *, is_retry: bool
    ) -> Sent:
        """Send a message; on a refusal that a change can avoid, send it changed."""
        pacer = self._client.pacer
        fallbacks_left = MAX_FALLBACKS
        while True:
            started_at = self._client.clock.now()
            try:
                raw = await perform(self._client, request)
                sent_at = snowflake_time(int(raw["id"]))
                if is_retry and request.nonce and sent_at < started_at:
                    raw = await self._update_found(request, raw)
                return Sent(str(raw["id"]), request)
            except discord.HTTPException as error:
                code = error_code_of(error)
                if code in (NO_ACCESS, NO_PERMISSION) and not request.token:
                    pacer.note_forbidden(request.channel_id)
                fallback = find_fallback(request, error, language)
                is_held = not request.token and pacer.is_held(request.channel_id)
                if fallback is None or is_held or not fallbacks_left:
                    raise
                log.info("discord_request_changed", code=code)
                request = fallback
                fallbacks_left -= 1

    async def _update_found(self, request: DiscordRequest, raw: dict[str, Any]) -> dict[str, Any]:
        """Bring a message up to date that was sent before and found by its nonce."""
        message_id = str(raw["id"])
        is_same = str(raw.get("content") or "").strip() == request.part.text.strip()
        try:
            if is_same or request.part.is_voice:
                await self._client.http.get_message(int(request.channel_id), int(message_id))
            else:
                edit = replace(request, edit_id=message_id, nonce="", reply_to="")
                await perform(self._client, edit)
        except discord.NotFound:
            # It was deleted since.
            return await perform(self._client, replace(request, nonce=request.nonce[::-1]))
        return raw


def find_fallback(
    request: DiscordRequest, error: discord.HTTPException, language: str
) -> DiscordRequest | None:
    """Return what to send instead of a refused request, None if nothing can be changed."""
    code = error_code_of(error)
    is_bad_reference = code == _INVALID_FORM and "message_reference" in error.text
    if request.reply_to and (code == _NO_HISTORY or is_bad_reference):
        return replace(request, reply_to="")
    if not request.part.files or request.part.is_voice:
        return None
    if code == _TOO_LARGE or error.status == 413:
        notice = translate(FILE_TOO_BIG, language, limit=MAX_FILE_BYTES >> 20)
    elif code == NO_PERMISSION and not request.token:
        notice = translate(FILES_FORBIDDEN, language)
    else:
        return None
    text = "\n".join(filter(None, (request.part.text, escape(notice))))
    return replace(request, part=replace(request.part, text=text, files=()))


async def perform(client: DiscordClient, request: DiscordRequest) -> dict[str, Any]:
    """Make one request, with retries after network and server errors; return the message.

    Raises what discord.py raises, PlatformBusy.
    """
    method = "PATCH" if request.edit_id else "POST"
    try:
        async with asyncio.timeout(UPLOAD_S if request.part.files else CALL_S):
            for wait_s in WAITS_S:
                try:
                    return dict(await _call(client, request, method))
                except REQUEST_ERRORS as error:
                    if not _can_repeat(error, request):
                        raise
                    log.info("discord_request_repeated", error=type(error).__name__)
                await client.clock.sleep(wait_s)
            return dict(await _call(client, request, method))
    except TimeoutError:
        raise PlatformBusy("Discord does not answer") from None


async def delete(client: DiscordClient, request: DiscordRequest) -> None:
    """Delete the message that `request` would edit. Raises as `perform`."""
    async with asyncio.timeout(CALL_S):
        await _call(client, request, "DELETE")


async def _call(client: DiscordClient, request: DiscordRequest, method: str) -> Any:
    await client.wait_open()
    if request.token is None:
        ids: dict[str, Any] = {"channel_id": int(request.channel_id)}
        path = "/channels/{channel_id}/messages"
    else:
        ids = {"webhook_id": client.application_id, "webhook_token": request.token.token}
        path = "/webhooks/{webhook_id}/{webhook_token}"
        path += "/messages" if request.edit_id else ""
    if request.edit_id == ORIGINAL:
        path += f"/{ORIGINAL}"
    elif request.edit_id:
        path, ids = f"{path}/{{message_id}}", ids | {"message_id": request.edit_id}
    route = Route(method, path, **ids)
    if method == "DELETE":
        return await client.http.request(route)
    body = build_body(request)
    if request.part.files:
        return await _upload(client, route, body, request.part.files)
    return await client.http.request(route, json=body)


async def _upload(
    client: DiscordClient, route: Route, body: dict[str, Any], files: Sequence[File]
) -> Any:
    uploads = [discord.File(io.BytesIO(file.data), file.name) for file in files]
    form: list[dict[str, Any]] = [
        {"name": "payload_json", "value": json.dumps(body)},
        *(
            {
                "name": f"files[{number}]",
                "value": upload.fp,
                "filename": file.name,
                # Under another type Discord drops the waveform.
                "content_type": file.mime,
            }
            for number, (file, upload) in enumerate(zip(files, uploads, strict=True))
        ),
    ]
    return await client.http.request(route, form=form, files=uploads)


def build_body(request: DiscordRequest) -> dict[str, Any]:
    """Return the request's JSON."""
    part = request.part
    flags = _VOICE if part.is_voice else _SUPPRESS_EMBEDS
    body: dict[str, Any] = {
        "allowed_mentions": _NO_MENTIONS,
        "attachments": [
            _describe_file(file, number, is_voice=part.is_voice)
            for number, file in enumerate(part.files)
        ],
    }
    if not part.is_voice:
        body |= {"content": part.text, "components": [*request.components]}
    if request.edit_id:
        return body | {"flags": flags}
    if request.nonce:
        body |= {"nonce": request.nonce, "enforce_nonce": True}
    if request.reply_to:
        body["message_reference"] = {"message_id": request.reply_to, "fail_if_not_exists": False}
    is_ephemeral = request.token is not None and request.token.is_ephemeral
    return body | {"flags": flags | _EPHEMERAL * is_ephemeral | _SILENT * request.is_silent}


def _describe_file(file: File, number: int, *, is_voice: bool) -> dict[str, Any]:
    about: dict[str, Any] = {"id": number, "filename": file.name}
    if is_voice:
        waveform = base64.b64encode(file.waveform).decode()
        about |= {"duration_secs": round(file.duration_s or 0.0, 3), "waveform": waveform}
    return about


def _can_repeat(error: BaseException, request: DiscordRequest) -> bool:
    """Return whether the request failed on its way, and a second one sends no second message."""
    if isinstance(error, discord.DiscordServerError | aiohttp.ClientConnectorError):
        # discord.py retries other server errors itself, but not 503.
        return request.is_repeatable or not isinstance(error, discord.DiscordServerError)
    is_lost = isinstance(error, aiohttp.ClientError | OSError) and not isinstance(
        error, TimeoutError
    )
    return is_lost and request.is_repeatable
