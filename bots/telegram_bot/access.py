"""What people and the bot may do in a chat: asked live from Telegram, by id, never by name."""

from __future__ import annotations

import telegram
from telegram import ChatMember
from telegram.constants import ChatAction
from telegram.error import BadRequest, Forbidden, TelegramError

from bots.common.members import MembershipCache
from bots.telegram_bot.errors import describe, read_error
from bots.telegram_bot.incoming.joining import MemberChange
from bots.telegram_bot.incoming.updates import SHARED_IDS
from bots.telegram_bot.pacing import TelegramPacer
from core.clock import CLOCK, Clock
from core.errors import ChatGone
from core.locale import mark
from core.models import Chat, Membership, Message

_MEMBERSHIPS = {
    ChatMember.OWNER: Membership.OWNER,
    ChatMember.ADMINISTRATOR: Membership.ADMIN,
    ChatMember.MEMBER: Membership.MEMBER,
}

#: The default of every new bot: in groups it sees commands and replies to itself only.
PRIVACY_ON = mark(
    "For now I cannot see the messages here: Telegram hides them from bots in privacy mode. Make "
    "me an admin of this group. Or send /setprivacy to @BotFather, choose this bot and Disable, "
    "then remove me from the group and add me again."
)


class TelegramMembers:
    """Looks up what people are in a chat, and what the bot sees of it."""

    def __init__(self, bot: telegram.Bot, pacer: TelegramPacer, clock: Clock = CLOCK) -> None:
        self._clock = clock
        self._bot = bot
        self._pacer = pacer
        self._cache = MembershipCache(clock)

    async def membership(self, chat: Chat, person_id: str, *, is_live: bool = False) -> Membership:
        """Return what a person is in a chat, now if `is_live`. Raises PlatformError."""
        # Only admins can write in the chat's own name.
        if person_id and person_id == chat.chat_id:
            return Membership.ADMIN
        if not person_id.isdecimal() or person_id in SHARED_IDS:
            return Membership.NONE
        return await self._cache.find(
            chat.chat_id,
            person_id,
            lambda: self._ask(chat.chat_id, person_id),
            is_live=is_live,
        )

    def note_change(self, change: MemberChange) -> None:
        """Ask anew what somebody is in a chat, or everybody once the bot was put out of it."""
        self._cache.drop(change.chat_id, change.person_id)

    async def require_private(self, person_id: str) -> None:
        """Raise ChatGone unless the bot may write to this person; PlatformError."""
        # Whoever writes in the name of a group has its id: what is theirs is not for all of it.
        if not person_id.isdecimal() or person_id in SHARED_IDS:
            raise ChatGone("a group or channel has no private chat")
        await self._pacer.wait()
        try:
            await self._bot.send_chat_action(int(person_id), ChatAction.TYPING)
        except (BadRequest, Forbidden) as error:
            raise ChatGone(describe(error)) from None
        except TelegramError as error:
            raise read_error(error) from None

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
        if me.can_read_all_group_messages or await self._administers(message.chat, str(me.id)):
            return ""
        return PRIVACY_ON

    async def _administers(self, chat: Chat, person_id: str) -> bool:
        found = await self._ask(chat.chat_id, person_id)
        return found in (Membership.OWNER, Membership.ADMIN)

    async def _ask(self, chat_id: str, person_id: str) -> Membership:
        await self._pacer.wait()
        try:
            member = await self._bot.get_chat_member(int(chat_id), int(person_id))
        except (BadRequest, Forbidden):
            # Never a member, or a chat that we cannot see.
            return Membership.NONE
        except TelegramError as error:
            raise read_error(error) from None
        if isinstance(member, telegram.ChatMemberRestricted):
            # Restrictions outlast a membership.
            return Membership.MEMBER if member.is_member else Membership.NONE
        return _MEMBERSHIPS.get(member.status, Membership.NONE)
