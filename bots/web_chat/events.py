"""News for the pages that are open: the text so far, and replies."""

from __future__ import annotations

import asyncio
import base64
from collections import defaultdict
from typing import Any

from core.models import Chat

#: Between two sends to one page: faster than the eye reads, slow enough for a phone.
_PACE_S = 0.05
#: Messages whose text so far is remembered for pages that open later.
_PARTIALS = 256
#: Bits of sound that a page may be behind; the reply brings all of it anyway.
_SOUNDS = 1000


class Outbox:
    """What one page has yet to be told. Newer news of a message replaces older.

    So a page that reads slowly gets the latest state, and costs no more than its messages do.
    """

    def __init__(self) -> None:
        self._news: dict[str, dict[str, Any]] = {}
        self._sounds: list[dict[str, Any]] = []
        self._has_news = asyncio.Event()

    def put(self, event: dict[str, Any]) -> None:
        """Add news of one message; never waits."""
        self._news[event["id"]] = event
        self._has_news.set()

    def put_sound(self, event: dict[str, Any]) -> None:
        """Add sound to be played: every bit of it counts, and none may be late."""
        if len(self._sounds) < _SOUNDS:
            self._sounds.append(event)
        self._has_news.set()

    async def take(self) -> list[dict[str, Any]]:
        """Wait for news, then return all of it."""
        await self._has_news.wait()
        sounds, self._sounds = self._sounds, []
        news = list(self._news.values())
        self._news.clear()
        self._has_news.clear()
        if not sounds:
            await asyncio.sleep(_PACE_S)
        return [*sounds, *news]


class Events:
    """The open pages of every chat, and the text so far of messages that are under way."""

    def __init__(self) -> None:
        self._outboxes: defaultdict[Chat, set[Outbox]] = defaultdict(set)
        self._partials: dict[tuple[Chat, str], dict[str, Any]] = {}

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
        if len(self._partials) > _PARTIALS:
            del self._partials[next(iter(self._partials))]
        self._publish(chat, event)

    def play(self, chat: Chat, message_id: str, pcm: bytes, rate_hz: int) -> None:
        """Let the chat's pages play sound as it comes: 16-bit mono."""
        sound = base64.b64encode(pcm).decode()
        event = {"type": "sound", "id": message_id, "pcm": sound, "rate_hz": rate_hz}
        for outbox in self._outboxes.get(chat, ()):
            outbox.put_sound(event)

    def finish(self, chat: Chat, message_id: str, reply: dict[str, Any]) -> None:
        """Tell the chat's pages the reply."""
        self._partials.pop((chat, message_id), None)
        self._publish(chat, {"type": "reply", "id": message_id, "reply": reply})

    def _publish(self, chat: Chat, event: dict[str, Any]) -> None:
        for outbox in self._outboxes.get(chat, ()):
            outbox.put(event)
