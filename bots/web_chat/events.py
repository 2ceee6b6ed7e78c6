"""Events for open pages: partial text, streamed audio and replies."""

from __future__ import annotations

import asyncio
import base64
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from bots.web_chat.session import person_of
from core.interfaces import DeliveryTarget
from core.models import Chat

#: Interval between two sends to one page: faster than people read, slow enough for a phone.
_PACE_S = 0.05
#: Messages whose progress is remembered.
_MAX_MESSAGES = 256
#: Audio events that a page may lag behind; the reply contains the whole audio anyway.
_MAX_AUDIO_EVENTS = 1000
#: Lets a page load its chat again: it may lack events.
RELOAD = {"type": "reload", "id": ""}
#: Largest audio of one event, a little over a second: whole samples.
_AUDIO_BYTES = 65_536


class Outbox:
    """Events not yet sent to one page. A newer event of a message replaces the older one.

    So a slow page gets the latest state, in memory bounded by the number of its messages.
    """

    def __init__(self) -> None:
        self._events: dict[str, dict[str, Any]] = {}
        self._audio: list[dict[str, Any]] = []
        self._has_events, self._has_audio = asyncio.Event(), asyncio.Event()
        #: The page's session has ended.
        self.is_over = False

    def end(self) -> None:
        """Let the page's connection end."""
        self.is_over = True
        self._has_events.set()

    def put(self, event: dict[str, Any]) -> None:
        """Add an event of one message; never waits."""
        self._events[event["id"]] = event
        self._has_events.set()

    def put_audio(self, event: dict[str, Any]) -> None:
        """Add audio to play: all of it is sent, without delay."""
        if len(self._audio) < _MAX_AUDIO_EVENTS:
            self._audio.append(event)
        self._has_audio.set()
        self._has_events.set()

    async def take(self) -> list[dict[str, Any]]:
        """Wait for events and return them all: audio at once, others at the pace of `_PACE_S`."""
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
    """The open pages of every chat, and the partial text of messages in progress."""

    def __init__(self) -> None:
        self._outboxes: defaultdict[Chat, set[Outbox]] = defaultdict(set)
        self._partials: dict[tuple[Chat, str], dict[str, Any]] = {}
        #: The delivery that plays for each message, and its position in seconds.
        self._playback: dict[tuple[Chat, str], tuple[DeliveryTarget, float]] = {}

    def listen(self) -> None:
        """Do nothing: this process has all events."""

    async def run(self) -> None:
        """Do nothing until cancelled: no other process serves pages."""
        await asyncio.Event().wait()

    async def stop(self) -> None:
        """Do nothing: nobody is told anything later."""

    def open(self, chat: Chat) -> Outbox:
        """Add a page; it gets the partial text of messages in progress."""
        outbox = Outbox()
        self._outboxes[chat].add(outbox)
        for (owner, _), event in self._partials.items():
            if owner == chat:
                outbox.put(event)
        return outbox

    def close(self, chat: Chat, outbox: Outbox) -> None:
        """Remove a page."""
        self._outboxes[chat].discard(outbox)
        if not self._outboxes[chat]:
            del self._outboxes[chat]

    def has_pages(self, chat: Chat) -> bool:
        """Return whether a page of this chat is open here."""
        return chat in self._outboxes

    def doubt(self) -> None:
        """Let every page load its chat again, if its session has not ended meanwhile."""
        for outboxes in self._outboxes.values():
            for outbox in outboxes:
                outbox.put(RELOAD)

    def end(self, person: Chat) -> None:
        """End the connections of all pages of a person."""
        for chat, outboxes in self._outboxes.items():
            if person_of(chat) == person:
                for outbox in outboxes:
                    outbox.end()

    def show(self, chat: Chat, message_id: str, text: str) -> None:
        """Send partial text to the chat's pages."""
        event = {"type": "text", "id": message_id, "text": text}
        self._partials[chat, message_id] = event
        if len(self._partials) > _MAX_MESSAGES:
            del self._partials[next(iter(self._partials))]
        self._publish(chat, event)

    def play(self, target: DeliveryTarget, pcm: bytes, rate_hz: int) -> None:
        """Send audio to the chat's pages: 16-bit mono.

        Each event has its position in the whole: a retried job, which has a target of its own,
        starts again, and pages skip what they have played.
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
        """Send the reply to the chat's pages."""
        self.forget(chat, message_id)
        self._publish(chat, {"type": "reply", "id": message_id, "reply": reply})

    def forget(self, chat: Chat, message_id: str) -> None:
        """Drop the progress of a message whose reply is saved."""
        self._partials.pop((chat, message_id), None)
        self._playback.pop((chat, message_id), None)

    def _publish(self, chat: Chat, event: dict[str, Any]) -> None:
        for outbox in self._outboxes.get(chat, ()):
            outbox.put(event)


def _split(pcm: bytes) -> Iterator[bytes]:
    for start in range(0, len(pcm), _AUDIO_BYTES):
        yield pcm[start : start + _AUDIO_BYTES]
