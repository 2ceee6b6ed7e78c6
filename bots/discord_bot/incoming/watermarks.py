"""How far each channel was read: what a new session begins from."""

from __future__ import annotations

import structlog

from core.clock import CLOCK, Clock
from core.errors import AssistantError
from core.inbox import Inbox

log = structlog.get_logger(__name__)

#: Marks are kept at most so often: what is handed in twice after a crash is known already.
PACE_S = 3.0


class ChannelWatermarks:
    """The newest message of each chat, kept a little later than it was handed in.

    Message ids of Discord grow with time over all channels.
    """

    def __init__(self, platform: str, inbox: Inbox, clock: Clock = CLOCK) -> None:
        self._platform = platform
        self._inbox = inbox
        self._clock = clock
        self._bot_id = ""
        self._seen: dict[str, int] = {}
        #: Not kept yet, or newer than what is kept.
        self._fresh: set[str] = set()
        #: Chats of which any mark is kept. The first one may always be: there is none to hold.
        self._kept: set[str] = set()
        #: Chats of which something may be missing before what was seen: their marks must stay.
        self._held: dict[str, int] = {}
        self._is_all_held = False

    async def load(self, bot_id: str) -> None:
        """Read what was kept. Raises StoreError."""
        self._bot_id = bot_id
        kept = await self._inbox.watermarks(self._platform, bot_id)
        self._seen |= {chat_id: int(mark) for chat_id, mark in kept.items() if mark.isdecimal()}
        self._kept = {*self._seen}

    def snapshot(self) -> dict[str, int]:
        """Return chat id -> newest message as of now."""
        return dict(self._seen)

    async def note(self, chat_id: str, message_id: str) -> None:
        """Take note of a message that was handed in or passed over."""
        if not message_id.isdecimal() or int(message_id) <= self._seen.get(chat_id, 0):
            return
        is_first = chat_id not in self._seen
        self._seen[chat_id] = int(message_id)
        self._fresh.add(chat_id)
        if is_first:
            # Without a mark nothing of the chat would be asked for after a break.
            await self.flush()

    def hold_all(self) -> None:
        """Let no mark move until `hold` or `release_all`."""
        self._is_all_held = True

    def release_all(self) -> None:
        """Let marks move again, but for those of chats held one by one."""
        self._is_all_held = False

    def hold(self, chat_id: str) -> None:
        """Let the mark of one chat stay; each call wants its own `release`."""
        self._held[chat_id] = self._held.get(chat_id, 0) + 1

    def release(self, chat_id: str) -> None:
        """Let the mark of one chat move again."""
        self._held[chat_id] -= 1
        if not self._held[chat_id]:
            del self._held[chat_id]

    async def run(self) -> None:
        """Keep marks now and then until cancelled."""
        while True:
            await self._clock.sleep(PACE_S)
            await self.flush()

    async def flush(self) -> None:
        """Keep what may be kept. It never raises: what was not kept is tried again."""
        held = self._kept if self._is_all_held else self._held.keys()
        ready = self._fresh - held
        if not (ready and self._bot_id):
            return
        seen = {chat_id: str(self._seen[chat_id]) for chat_id in ready}
        self._fresh -= ready
        try:
            await self._inbox.save_watermarks(self._platform, self._bot_id, seen)
            self._kept |= ready
        except AssistantError as error:
            self._fresh |= ready
            log.warning("discord_marks_not_kept", error=type(error).__name__)
