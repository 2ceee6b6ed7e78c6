"""Chat administrators: asked live from Telegram, by user id, never by name."""

from __future__ import annotations

import telegram
from telegram import ChatMember
from telegram.error import BadRequest, Forbidden, TelegramError

from bots.telegram_bot.errors import read_error
from bots.telegram_bot.incoming.updates import SHARED_IDS
from bots.telegram_bot.pacing import TelegramPacer
from core.clock import CLOCK, Clock
from core.models import Message

#: How long a result is cached.
CACHE_S = 60.0
_MAX_CACHED = 5000
_ADMINS = frozenset({ChatMember.OWNER, ChatMember.ADMINISTRATOR})


class TelegramAdmins:
    """Looks up whether people administer a chat."""

    def __init__(self, bot: telegram.Bot, pacer: TelegramPacer, clock: Clock = CLOCK) -> None:
        self._clock = clock
        self._bot = bot
        self._pacer = pacer
        self._cache: dict[tuple[str, str], tuple[float, bool]] = {}

    async def is_admin(self, message: Message) -> bool:
        """Return whether the sender may change the chat's settings. Raises PlatformError."""
        if message.is_private:
            return True
        chat_id, sender_id = message.chat.chat_id, message.sender_id
        # Only admins can write in the chat's own name.
        if sender_id and sender_id == chat_id:
            return True
        if not sender_id.isdecimal() or sender_id in SHARED_IDS:
            return False
        until_s, is_admin = self._cache.get((chat_id, sender_id), (0.0, False))
        if until_s < self._clock.monotonic():
            is_admin = await self._ask(chat_id, sender_id)
            if len(self._cache) >= _MAX_CACHED:
                self._cache.clear()
            self._cache[chat_id, sender_id] = (self._clock.monotonic() + CACHE_S, is_admin)
        return is_admin

    async def _ask(self, chat_id: str, sender_id: str) -> bool:
        await self._pacer.wait()
        try:
            member = await self._bot.get_chat_member(int(chat_id), int(sender_id))
        except (BadRequest, Forbidden):
            # Not a member, or a chat that we cannot see.
            return False
        except TelegramError as error:
            raise read_error(error) from None
        return member.status in _ADMINS
