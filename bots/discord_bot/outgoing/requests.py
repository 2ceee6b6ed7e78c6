"""Single REST requests for messages, with retries; none pings anybody."""

from __future__ import annotations

import asyncio
import base64
import io
import json
from collections.abc import Sequence
from typing import Any

import aiohttp
import discord
import structlog
from discord.http import Route

from bots.discord_bot.client.gateway import REQUEST_ERRORS, DiscordClient
from bots.discord_bot.errors import ARCHIVED, UNKNOWN_WEBHOOK, describe, error_code_of
from bots.discord_bot.incoming.messages import INTERACTION_PREFIX
from bots.discord_bot.outgoing.routes import ORIGINAL, DiscordRequest
from core.errors import PlatformBusy
from core.models import File

log = structlog.get_logger(__name__)

#: Total deadline of one request with its retries, and of one that uploads files.
CALL_S, UPLOAD_S = 60.0, 300.0
#: Waits before retries after a server error or a lost connection.
WAITS_S = (0.5, 1.0, 2.0, 4.0)

_SUPPRESS_EMBEDS, _EPHEMERAL, _SILENT, _VOICE = 1 << 2, 1 << 6, 1 << 12, 1 << 13
#: Discord parses edits anew, so each request says it.
_NO_MENTIONS = {"parse": [], "replied_user": False}


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
                    if not (_can_repeat(error, request) or _is_early(client, error, request)):
                        raise
                    log.info("discord_request_repeated", error=type(error).__name__)
                await client.clock.sleep(wait_s)
            return dict(await _call(client, request, method))
    except TimeoutError:
        raise PlatformBusy("Discord does not answer") from None


async def delete(client: DiscordClient, request: DiscordRequest) -> None:
    """Delete the message that `request` would edit. Raises as `perform`."""
    async with asyncio.timeout(CALL_S):
        for wait_s in WAITS_S:
            try:
                await _call(client, request, "DELETE")
            except discord.HTTPException as error:
                if not _is_early(client, error, request):
                    raise
            else:
                return
            await client.clock.sleep(wait_s)
        await _call(client, request, "DELETE")


async def _call(
    client: DiscordClient, request: DiscordRequest, method: str, *, is_retry: bool = False
) -> Any:
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
    body = None if method == "DELETE" else build_body(request)
    try:
        async with client.pacer.turn(route):
            if body and request.part.files:
                return await _upload(client, route, body, request.part.files)
            if body:
                return await client.http.request(route, json=body)
            return await client.http.request(route)
    except discord.HTTPException as error:
        if error_code_of(error) != ARCHIVED or not request.channel_id or is_retry:
            raise
    # What cannot be edited would be sent again below the messages that follow it.
    await unarchive(client, request.channel_id)
    return await _call(client, request, method, is_retry=True)


async def unarchive(client: DiscordClient, thread_id: str) -> None:
    """Reopen an archived thread where possible: nothing in one can be edited or deleted."""
    try:
        await client.http.edit_channel(int(thread_id), archived=False)
    except REQUEST_ERRORS as error:
        log.debug("discord_thread_stays_archived", detail=describe(error))


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


def _is_early(client: DiscordClient, error: BaseException, request: DiscordRequest) -> bool:
    """Return whether Discord does not know yet that the interaction was responded to."""
    token = request.token
    if token is None or error_code_of(error) != UNKNOWN_WEBHOOK:
        return False
    message_id = f"{INTERACTION_PREFIX}{token.interaction_id}"
    return client.first_responses.is_settling(message_id, token.created_s)
