"""Per-chat watermarks from which backfill starts."""

from __future__ import annotations

import structlog

from core.clock import CLOCK, Clock
from core.errors import AssistantError
from core.inbox import Inbox

log = structlog.get_logger(__name__)

#: Interval between two writes: a message that is committed twice after a crash is recognised.
FLUSH_S = 3.0


class ChannelWatermarks:
    """The newest committed message of each chat, written to the store with a short delay.

    Discord's message ids grow with time across all channels.
    """

    def __init__(self, platform: str, inbox: Inbox, clock: Clock = CLOCK) -> None:
        self._platform = platform
        self._inbox = inbox
        self._clock = clock
        self._bot_id = ""
        self._seen: dict[str, int] = {}
        #: Chats whose watermark is newer than the stored one.
        self._unsaved: set[str] = set()
        #: Chats with a stored watermark; a chat's first one is never held.
        self._saved: set[str] = set()
        #: Chats with a backfill under way, and how many: their stored watermarks must not move.
        self._held: dict[str, int] = {}
        self._is_all_held = False

    async def load(self, bot_id: str) -> None:
        """Read the stored watermarks. Raises StoreError."""
        self._bot_id = bot_id
        stored = await self._inbox.watermarks(self._platform, bot_id)
        self._seen |= {chat_id: int(last) for chat_id, last in stored.items() if last.isdecimal()}
        self._saved = {*self._seen}

    def snapshot(self) -> dict[str, int]:
        """Return chat id -> newest message as of now."""
        return dict(self._seen)

    async def note(self, chat_id: str, message_id: str) -> None:
        """Advance a chat's watermark to a message that was committed or passed over."""
        if not message_id.isdecimal() or int(message_id) <= self._seen.get(chat_id, 0):
            return
        is_first = chat_id not in self._seen
        self._seen[chat_id] = int(message_id)
        self._unsaved.add(chat_id)
        if is_first:
            # Without a watermark, backfill would skip the chat.
            await self.flush()

    def hold_all(self) -> None:
        """Keep all stored watermarks where they are until `release_all`."""
        self._is_all_held = True

    def release_all(self) -> None:
        """Undo `hold_all`; chats held one by one stay held."""
        self._is_all_held = False

    def hold(self, chat_id: str) -> None:
        """Keep one chat's stored watermark where it is; each call needs its own `release`."""
        self._held[chat_id] = self._held.get(chat_id, 0) + 1

    def release(self, chat_id: str) -> None:
        """Undo one `hold`."""
        self._held[chat_id] -= 1
        if not self._held[chat_id]:
            del self._held[chat_id]

    async def run(self) -> None:
        """Flush at intervals until cancelled."""
        while True:
            await self._clock.sleep(FLUSH_S)
            await self.flush()

    async def flush(self) -> None:
        """Store the watermarks that are not held. Never raises: failures are retried later."""
        held = self._saved if self._is_all_held else self._held.keys()
        ready = self._unsaved - held
        if not (ready and self._bot_id):
            return
        seen = {chat_id: str(self._seen[chat_id]) for chat_id in ready}
        self._unsaved -= ready
        try:
            await self._inbox.save_watermarks(self._platform, self._bot_id, seen)
            self._saved |= ready
        except AssistantError as error:
            self._unsaved |= ready
            log.warning("discord_watermarks_not_saved", error=type(error).__name__)
