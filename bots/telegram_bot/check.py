"""Checks of the bot's account and its groups before it starts, for `hearsay doctor` and `init`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from telegram import Bot
from telegram.constants import ChatMemberStatus
from telegram.error import TelegramError

from bots.telegram_bot.client import Connection
from bots.telegram_bot.errors import read_error
from core.config import Settings
from core.engines.wire.client import tls
from core.errors import ChatGone, ChatMoved

_DEADLINE_S = 10.0


#: What BotFather's privacy mode keeps from the bot, and how it ends.
PRIVACY_TEXT = (
    "privacy mode is on: in groups it receives commands and replies to it alone, so that histories,"
    " /summary and automatic transcription lack the rest, unless it is an admin there"
)
PRIVACY_CURE = (
    "To receive everything, send /setprivacy to @BotFather, choose Disable, then remove the bot"
    " from its groups and add it again"
)
#: The rights with which a bot is the least of an admin. Source: Telegram, "Deep links", group.
_LEAST_ADMIN = "manage_chat"


@dataclass(frozen=True, slots=True)
class TelegramAccount:
    """The account that a token belongs to."""

    username: str
    #: Where updates are delivered, empty if they are polled. A foreign one may hold a secret.
    webhook_url: str
    #: Why the last delivery failed, empty if none has, or if nothing waits any more.
    webhook_error: str
    #: Updates not fetched or delivered yet.
    pending: int
    #: False while privacy mode hides group messages that do not address the bot.
    can_read_groups: bool
    #: False while BotFather's /setjoingroups keeps the bot out of groups.
    can_join_groups: bool
    #: Telegram's clock: the Date header, empty if there was none.
    date: str

    @property
    def group_link(self) -> str:
        """The link that adds the bot to a group. It needs no rights of an admin."""
        return f"https://t.me/{self.username}?startgroup=true"

    @property
    def admin_link(self) -> str:
        """The same, as an admin who may do nothing more than receive all messages."""
        return f"{self.group_link}&admin={_LEAST_ADMIN}"


@dataclass(frozen=True, slots=True)
class Sender:
    """Somebody who has written to the bot in private."""

    person_id: str
    name: str


async def ask_account(settings: Settings) -> TelegramAccount:
    """Return the account of the configured token. Raises PlatformLocked, other PlatformErrors."""
    dates: list[str] = []
    async with _connect(settings, dates) as bot:
        return await _ask(bot, dates)


async def find_faults(settings: Settings, chat_ids: Iterable[str]) -> dict[str, str]:
    """Return why the bot cannot answer in groups: chat id -> reason, without those where it can.

    Raises PlatformError.
    """
    async with _connect(settings, []) as bot:
        found = {chat_id: await _find_fault(bot, chat_id) for chat_id in chat_ids}
    return {chat_id: fault for chat_id, fault in found.items() if fault}


async def list_senders(settings: Settings) -> list[Sender]:
    """Return who has written to the bot in private lately, the newest first.

    Nothing is confirmed: the messages are still answered once the program runs.
    Raises PlatformError, also where a program polls or a webhook is set.
    """
    async with _connect(settings, []) as bot:
        updates = await bot.get_updates(limit=100, timeout=0)
    people = [
        update.message.from_user
        for update in reversed(updates)
        if update.message and update.message.from_user and update.message.chat.type == "private"
    ]
    return [*dict.fromkeys(Sender(str(one.id), one.full_name) for one in people)]


@asynccontextmanager
async def _connect(settings: Settings, dates: list[str]) -> AsyncIterator[Bot]:
    """Yield the bot; the Date headers of its responses are appended to `dates`.

    Raises PlatformErrors for the SDK's.
    """

    async def note_date(response: Any) -> None:
        dates.append(response.headers.get("date", ""))

    hooks = {"response": [note_date]}
    connection = Connection(
        read_timeout=_DEADLINE_S,
        connect_timeout=_DEADLINE_S,
        httpx_kwargs={"verify": tls(), "event_hooks": hooks},
    )
    token = settings.secret("telegram_bot_token") or ""
    try:
        yield Bot(
            token,
            base_url=settings.telegram_api_base_url,
            request=connection,
            get_updates_request=connection,
        )
    except TelegramError as error:
        raise read_error(error) from None
    finally:
        await connection.shutdown()


async def _ask(bot: Bot, dates: list[str]) -> TelegramAccount:
    me = await bot.get_me()
    webhook = await bot.get_webhook_info()
    return TelegramAccount(
        username=me.username or "",
        webhook_url=webhook.url,
        webhook_error=(webhook.last_error_message or "") if webhook.pending_update_count else "",
        pending=webhook.pending_update_count,
        can_read_groups=bool(me.can_read_all_group_messages),
        can_join_groups=me.can_join_groups is not False,
        date=dates[-1],
    )


async def _find_fault(bot: Bot, chat_id: str) -> str:
    """Return why the bot cannot answer in a group, empty if it can."""
    try:
        member = await bot.get_chat_member(chat_id, int(bot.token.partition(":")[0]))
        if member.status in (ChatMemberStatus.LEFT, ChatMemberStatus.BANNED):
            return "was removed"
        if member.status == ChatMemberStatus.RESTRICTED:
            may_send = getattr(member, "can_send_messages", True)
        elif member.status == ChatMemberStatus.MEMBER:
            granted = (await bot.get_chat(chat_id)).permissions
            may_send = granted is None or granted.can_send_messages is not False
        else:
            may_send = True
        return "" if may_send else "may not send messages"
    except TelegramError as error:
        ours = read_error(error)
        if isinstance(ours, ChatMoved):  # the group goes on under another id
            return ""
        if isinstance(ours, ChatGone):
            return "was removed"
        raise
