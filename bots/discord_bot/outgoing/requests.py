"""One call to Discord: its address and body, and how often it is tried. No call pings anybody."""

from __future__ import annotations

import asyncio
import base64
import io
import json
from dataclasses import dataclass
from typing import Any

import aiohttp
import discord
import structlog
from discord.http import Route

from bots.discord_bot.client.gateway import TROUBLE, DiscordClient
from bots.discord_bot.interactions.token import InteractionToken
from bots.discord_bot.outgoing.parts import MessagePart
from core.errors import PlatformBusy

log = structlog.get_logger(__name__)

#: The first answer to an interaction, as addresses name it.
ORIGINAL = "@original"
#: Total deadline of one call with its repeats; the same for a call that uploads.
CALL_S, UPLOAD_S = 60.0, 300.0
#: Waits before the repeats of a call that met an overload or lost its connection.
WAITS_S = (0.5, 1.0, 2.0, 4.0)

_SUPPRESS_EMBEDS, _EPHEMERAL, _SILENT, _VOICE = 1 << 2, 1 << 6, 1 << 12, 1 << 13
#: Nobody, in every form there is. Discord reads edits anew, so each of them says it too.
_NOBODY = {"parse": [], "replied_user": False}


@dataclass(frozen=True, slots=True)
class DiscordRequest:
    """A message on its way: new, or the edit of our own message `edit_id`."""

    part: MessagePart
    #: Where it goes, unless a ticket answers its interaction.
    channel_id: str = ""
    #: Whose private chat it goes to, while that chat's id is not known.
    person_id: str = ""
    token: InteractionToken | None = None
    #: Of the ticket's messages, ORIGINAL is the first answer.
    edit_id: str = ""
    reply_to: str = ""
    #: A repeat with the same one gives the same message, for some minutes.
    nonce: str = ""
    components: tuple[dict[str, Any], ...] = ()
    is_silent: bool = False

    @property
    def is_repeatable(self) -> bool:
        """Tell whether a second call changes nothing after the first one."""
        return bool(self.edit_id or self.nonce)


async def perform(client: DiscordClient, out: DiscordRequest) -> dict[str, Any]:
    """Make one call, and again where only the way to Discord failed; return the message.

    Raises what discord.py raises, PlatformBusy.
    """
    try:
        async with asyncio.timeout(UPLOAD_S if out.part.files else CALL_S):
            for wait_s in WAITS_S:
                try:
                    return await _call(client, out)
                except TROUBLE as error:
                    if not _is_worth_a_repeat(error, out):
                        raise
                    log.info("discord_call_repeated", error=type(error).__name__)
                await client.clock.sleep(wait_s)
            return await _call(client, out)
    except TimeoutError:
        raise PlatformBusy("Discord does not answer") from None


async def delete(client: DiscordClient, out: DiscordRequest) -> None:
    """Delete the message that `out` would edit. Raises what discord.py raises, PlatformBusy."""
    client.pacer.check()
    async with asyncio.timeout(CALL_S):
        await client.wait_open()
        await client.http.request(_build_route(client, out, "DELETE"))


async def _call(client: DiscordClient, out: DiscordRequest) -> dict[str, Any]:
    await client.wait_open()
    client.pacer.check()
    route = _build_route(client, out, "PATCH" if out.edit_id else "POST")
    body = build_body(out)
    if not out.part.files:
        return dict(await client.http.request(route, json=body))
    files = [discord.File(io.BytesIO(file.data), file.name) for file in out.part.files]
    form: list[dict[str, Any]] = [
        {"name": "payload_json", "value": json.dumps(body)},
        *(
            {
                "name": f"files[{number}]",
                "value": upload.fp,
                "filename": file.name,
                # Of sounds under another type Discord forgets the waveform.
                "content_type": file.mime,
            }
            for number, (file, upload) in enumerate(zip(out.part.files, files, strict=True))
        ),
    ]
    return dict(await client.http.request(route, form=form, files=files))


def build_body(out: DiscordRequest) -> dict[str, Any]:
    """Return the call's JSON."""
    part = out.part
    flags = _VOICE if part.is_voice else _SUPPRESS_EMBEDS
    body: dict[str, Any] = {
        "allowed_mentions": _NOBODY,
        "attachments": [_describe_file(part, number) for number in range(len(part.files))],
    }
    if not part.is_voice:
        body |= {"content": part.text, "components": [*out.components]}
    if out.edit_id:
        return body | {"flags": flags}
    if out.nonce:
        body |= {"nonce": out.nonce, "enforce_nonce": True}
    if out.reply_to:
        body["message_reference"] = {"message_id": out.reply_to, "fail_if_not_exists": False}
    is_ephemeral = out.token is not None and out.token.is_ephemeral
    return body | {"flags": flags | _EPHEMERAL * is_ephemeral | _SILENT * out.is_silent}


def _describe_file(part: MessagePart, number: int) -> dict[str, Any]:
    file = part.files[number]
    about: dict[str, Any] = {"id": number, "filename": file.name}
    if part.is_voice:
        waveform = base64.b64encode(file.waveform).decode()
        about |= {"duration_secs": round(file.duration_s or 0.0, 3), "waveform": waveform}
    return about


def _build_route(client: DiscordClient, out: DiscordRequest, method: str) -> Route:
    if out.token is None:
        place: dict[str, Any] = {"channel_id": int(out.channel_id)}
        path = "/channels/{channel_id}/messages"
    else:
        place = {"webhook_id": client.application_id, "webhook_token": out.token.token}
        path = "/webhooks/{webhook_id}/{webhook_token}"
        path += "/messages" if out.edit_id else ""
    if out.edit_id == ORIGINAL:
        return Route(method, f"{path}/{ORIGINAL}", **place)
    if out.edit_id:
        return Route(method, f"{path}/{{message_id}}", message_id=out.edit_id, **place)
    return Route(method, path, **place)


def _is_worth_a_repeat(error: BaseException, out: DiscordRequest) -> bool:
    """Tell whether the way to Discord failed, and a second call would make no second message."""
    if isinstance(error, discord.DiscordServerError | aiohttp.ClientConnectorError):
        # discord.py repeats other server errors itself, but not 503.
        return out.is_repeatable or not isinstance(error, discord.DiscordServerError)
    is_lost = isinstance(error, aiohttp.ClientError | OSError) and not isinstance(
        error, TimeoutError
    )
    return is_lost and out.is_repeatable
