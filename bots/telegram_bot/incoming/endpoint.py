"""The endpoint to which Telegram delivers updates: checked, committed, and only then confirmed.

An ASGI application. A response of 200 confirms an update; anything else makes Telegram deliver it
again, after 1 s, then after twice as long each time, for 24 hours, and the chat's later updates
wait for it. Source: tdlib/telegram-bot-api, `WebhookActor`.
"""

from __future__ import annotations

import asyncio
import hmac
import json
from http import HTTPStatus
from typing import Any

from bots.telegram_bot.poison import PoisonTries, Take, is_own_fault
from core.logs import ThinnedLog

#: Largest body; updates have some kilobytes.
MAX_BODY_BYTES = 1 << 20
#: In which the whole body has to arrive.
BODY_S = 30.0
#: Source: Bot API, "setWebhook".
SECRET_HEADER = b"x-telegram-bot-api-secret-token"
#: Responses to requests whose body was read; after all others the connection is closed.
_READ = (HTTPStatus.OK, HTTPStatus.BAD_REQUEST, HTTPStatus.SERVICE_UNAVAILABLE)


class _Refused(Exception):
    """The request is not taken; the status says why."""

    def __init__(self, status: HTTPStatus) -> None:
        super().__init__(status.phrase)
        self.status = status


class UpdateEndpoint:
    """Takes updates from whoever has the secret.

    Nothing that counts is kept here: several processes may stand behind one address, and any of
    them may get an update again that another one has committed.
    """

    def __init__(self, secret: str, take: Take) -> None:
        self._secret = secret.encode()
        self._commit = take
        self._tries = PoisonTries()
        self._strangers = ThinnedLog("warning", "telegram_webhook_wrong_secret")
        #: Whether updates can be taken: before the login and after the end they cannot.
        self.is_open = False
        #: False while updates cannot be committed.
        self.is_committing = True

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Respond to a request."""
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        try:
            self._check_head(scope)
            status = await self._take(await _read_body(receive))
        except _Refused as refusal:
            status = refusal.status
        headers = [(b"content-length", b"0")]
        if status not in _READ:
            headers.append((b"connection", b"close"))
        if status is HTTPStatus.METHOD_NOT_ALLOWED:
            headers.append((b"allow", b"POST"))
        await send({"type": "http.response.start", "status": int(status), "headers": headers})
        await send({"type": "http.response.body"})

    def _check_head(self, scope: Any) -> None:
        """Raise _Refused unless Telegram sent this and it can be taken; the body is left unread."""
        given = [value for name, value in scope["headers"] if name == SECRET_HEADER]
        # In a time that does not depend on what is right about the secret.
        if len(given) != 1 or not hmac.compare_digest(given[0], self._secret):
            self._strangers.add()
            raise _Refused(HTTPStatus.FORBIDDEN)
        if scope["method"] != "POST":
            raise _Refused(HTTPStatus.METHOD_NOT_ALLOWED)
        headers = dict(scope["headers"])
        kind = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
        is_packed = headers.get(b"content-encoding", b"identity") != b"identity"
        if kind != b"application/json" or is_packed:
            raise _Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
        if int(headers.get(b"content-length", b"0")) > MAX_BODY_BYTES:
            raise _Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        if not self.is_open:
            raise _Refused(HTTPStatus.SERVICE_UNAVAILABLE)

    async def _take(self, body: bytes) -> HTTPStatus:
        """Commit the update in a body. Raises _Refused if there is none."""
        raw = read_json(body)
        update_id = raw.get("update_id") if isinstance(raw, dict) else None
        if type(update_id) is not int:
            raise _Refused(HTTPStatus.BAD_REQUEST)
        (error,) = await asyncio.gather(self._commit(raw), return_exceptions=True)
        # An update that our code fails on holds up its own chat only.
        self.is_committing = error is None or is_own_fault(error)
        if error is not None and not self._tries.is_hopeless(update_id, error):
            return HTTPStatus.SERVICE_UNAVAILABLE
        self._tries.pop(update_id, None)
        return HTTPStatus.OK


async def _read_body(receive: Any) -> bytes:
    """Return a body. Raises _Refused if it is too large, too slow or cut off."""
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_S):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise _Refused(HTTPStatus.BAD_REQUEST)
                body += message.get("body", b"")
                if len(body) > MAX_BODY_BYTES:
                    raise _Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
                if not message.get("more_body"):
                    return bytes(body)
    except TimeoutError:
        raise _Refused(HTTPStatus.REQUEST_TIMEOUT) from None


def read_json(body: bytes) -> Any:
    """Return the value in a body. Raises _Refused if it is malformed or has a name twice."""
    try:
        return json.loads(
            body.decode(), object_pairs_hook=_build_object, parse_constant=_refuse_constant
        )
    except (ValueError, RecursionError):
        raise _Refused(HTTPStatus.BAD_REQUEST) from None


def _build_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    built = dict(pairs)
    if len(built) < len(pairs):
        raise ValueError("a name stands twice in an object")
    return built


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
