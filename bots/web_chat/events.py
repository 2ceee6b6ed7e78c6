"""News for the pages that are open: the text so far, and replies."""

from __future__ import annotations

import asyncio
import base64
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from core.interfaces import DeliveryTarget
from core.models import Chat

#: Between two sends to one page: faster than the eye reads, slow enough for a phone.
_PACE_S = 0.05
#: Messages of which it is remembered how far they are.
_MAX_MESSAGES = 256
#: Events of sound that a page may be behind; the reply brings all of it anyway.
_MAX_AUDIO_EVENTS = 1000
#: Largest sound of one event, a little over a second: whole samples.
_AUDIO_BYTES = 65_536


class Outbox:
    """What one page has yet to be told. Newer news of a message replaces older.

    So a page that reads slowly gets the latest state, and costs no more than its messages do.
    """

    def __init__(self) -> None:
        self._events: dict[str, dict[str, Any]] = {}
        self._audio: list[dict[str, Any]] = []
        self._has_events, self._has_audio = asyncio.Event(), asyncio.Event()

    def put(self, event: dict[str, Any]) -> None:
        """Add news of one message; never waits."""
        self._events[event["id"]] = event
        self._has_events.set()

    def put_audio(self, event: dict[str, Any]) -> None:
        """Add sound to be played: every bit of it counts, and none may be late."""
        if len(self._audio) < _MAX_AUDIO_EVENTS:
            self._audio.append(event)
        self._has_audio.set()
        self._has_events.set()

    async def take(self) -> list[dict[str, Any]]:
        """Wait for news, then return all of it: sound at once, the rest at its pace."""
        await self._has_events.wait()
        with suppress(TimeoutError):
            async with asyncio.timeout(_PACE_S):
                await self._has_audio.wait()
        events = [*self._audio, *self._events.values()]
        self._audio.clear()
        self._events.clear()
        self._has_events.clear()
        self._has_audio.clear()
        return events


class Events:
    """The open pages of every chat, and the text so far of messages that are under way."""

    def __init__(self) -> None:
        self._outboxes: defaultdict[Chat, set[Outbox]] = defaultdict(set)
        self._partials: dict[tuple[Chat, str], dict[str, Any]] = {}
        #: The try that is being heard of each message, and how far it is.
        self._playback: dict[tuple[Chat, str], tuple[DeliveryTarget, float]] = {}

    def open(self, chat: Chat) -> Outbox:
        """Add a page; it is told at once how far the messages under way are."""
        outbox = Outbox()
        self._outboxes[chat].add(outbox)
        for (owner, _), event in self._partials.items():
            if owner == chat:
                outbox.put(event)
        return outbox

    def close(self, chat: Chat, outbox: Outbox) -> None:
        """Forget a page."""
        self._outboxes[chat].discard(outbox)
        if not self._outboxes[chat]:
            del self._outboxes[chat]

    def show(self, chat: Chat, message_id: str, text: str) -> None:
        """Tell the chat's pages the text so far."""
        event = {"type": "text", "id": message_id, "text": text}
        self._partials[chat, message_id] = event
        if len(self._partials) > _MAX_MESSAGES:
            del self._partials[next(iter(self._partials))]
        self._publish(chat, event)

    def play(self, target: DeliveryTarget, pcm: bytes, rate_hz: int) -> None:
        """Let the chat's pages play sound as it comes: 16-bit mono.

        Each event tells where in the whole it begins: a job that is tried again, which brings an
        envelope of its own, begins at the start, and pages leave out what they have played.
        """
        message = target.message
        key = message.chat, message.message_id
        known, at_s = self._playback.pop(key, (target, 0.0))
        if known is not target:
            at_s = 0.0
        for piece in _split(pcm):
            sound = base64.b64encode(piece).decode()
            event: dict[str, Any] = {"type": "sound", "id": message.message_id, "pcm": sound}
            event |= {"rate_hz": rate_hz, "at_s": at_s}
            at_s += len(piece) / 2 / rate_hz
            for outbox in self._outboxes.get(message.chat, ()):
                outbox.put_audio(event)
        self._playback[key] = target, at_s
        if len(self._playback) > _MAX_MESSAGES:
            del self._playback[next(iter(self._playback))]

    def finish(self, chat: Chat, message_id: str, reply: dict[str, Any]) -> None:
        """Tell the chat's pages the reply."""
        self._partials.pop((chat, message_id), None)
        self._playback.pop((chat, message_id), None)
        self._publish(chat, {"type": "reply", "id": message_id, "reply": reply})

    def _publish(self, chat: Chat, event: dict[str, Any]) -> None:
        for outbox in self._outboxes.get(chat, ()):
            outbox.put(event)


def _split(pcm: bytes) -> Iterator[bytes]:
    for start in range(0, len(pcm), _AUDIO_BYTES):
        yield pcm[start : start + _AUDIO_BYTES]
