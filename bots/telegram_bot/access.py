"""What people and the bot may do in a chat: asked live from Telegram, by id, never by name."""

from __future__ import annotations

import telegram
from telegram import ChatMember
from telegram.error import BadRequest, Forbidden, TelegramError

from bots.telegram_bot.errors import read_error
from bots.telegram_bot.incoming.updates import SHARED_IDS
from bots.telegram_bot.pacing import TelegramPacer
from core.clock import CLOCK, Clock
from core.locale import mark
from core.models import Message

#: How long a result is cached.
CACHE_S = 60.0
_MAX_CACHED = 5000
_ADMINS = frozenset({ChatMember.OWNER, ChatMember.ADMINISTRATOR})


#: The default of every new bot: in groups it sees commands and replies to itself only.
PRIVACY_ON = mark(
    "For now I cannot see the messages here: Telegram hides them from bots in privacy mode. Make "
    "me an admin of this group. Or send /setprivacy to @BotFather, choose this bot and Disable, "
    "then remove me from the group and add me again."
)


class TelegramAdmins:
    """Looks up whether people administer a chat, and what the bot sees of it."""

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

    async def explain_blindness(self, message: Message) -> str:
        """Return a text on why the bot does not see a group's messages, empty if it does.

        Never cached: people try again as soon as they have changed something. Raises PlatformError.
        """
        if message.is_private:
            return ""
        await self._pacer.wait()
        try:
            me = await self._bot.get_me()
        except TelegramError as error:
            raise read_error(error) from None
        if me.can_read_all_group_messages or await self._ask(message.chat.chat_id, str(me.id)):
            return ""
        return PRIVACY_ON

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
