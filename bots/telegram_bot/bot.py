"""The Telegram platform: messages in, replies out, over the Bot API."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any

import structlog
from telegram.constants import ChatAction, ReactionEmoji
from telegram.error import BadRequest, RetryAfter, TelegramError

from bots.telegram_bot.access import TelegramAdmins
from bots.telegram_bot.client import TelegramClient
from bots.telegram_bot.errors import as_seconds, describe
from bots.telegram_bot.incoming.files import TelegramFiles
from bots.telegram_bot.incoming.polling import Backoff, Polling
from bots.telegram_bot.incoming.updates import (
    CALLBACK_PREFIX,
    POISON,
    BotIdentity,
    ChatMove,
    read_update,
)
from bots.telegram_bot.menu import update_menu
from bots.telegram_bot.outgoing.delivery import TelegramDelivery
from bots.telegram_bot.outgoing.live_message import TelegramLiveMessages
from bots.telegram_bot.outgoing.message import as_thread
from bots.telegram_bot.pacing import TelegramPacer
from core import commands
from core.clock import CLOCK, Clock
from core.config import Settings
from core.errors import PlatformBusy
from core.inbox import Inbox
from core.interfaces import DeliveryTarget
from core.models import Chat, Message, Reply

log = structlog.get_logger(__name__)

#: A sign of life later than this is no longer worth a call.
HEARD_WITHIN_S = 5.0
#: First the job begins: it would wait for the building of this call.
HEARD_AFTER_S = 0.05


class TelegramBot:
    """One Telegram bot; a `core.interfaces.Platform`."""

    name = "telegram"
    #: Bots cannot take part in calls.
    voice = None

    def __init__(
        self,
        settings: Settings,
        inbox: Inbox,
        menu: Iterable[tuple[str, str]] | None = None,
        clock: Clock = CLOCK,
    ) -> None:
        """Take a door to hand messages to.

        menu: (command, key of its help text) each; None = all that people can ask for.
        """
        self._inbox = inbox
        self._menu = menu
        self._allowed = frozenset(settings.allowed_chats)
        self._client = TelegramClient(settings)
        self._clock = clock
        self.pacer = TelegramPacer(clock)
        self._live_messages = TelegramLiveMessages(self._client.bot, self.pacer, clock)
        self._delivery = TelegramDelivery(self._client.bot, self.pacer, self._live_messages, inbox)
        self.files = TelegramFiles(self._client.bot, self.pacer, settings)
        self._admins = TelegramAdmins(self._client.bot, self.pacer, clock)
        self._polling = Polling(self._client, self._take, clock)
        self._me = BotIdentity("", "")
        self._tasks: set[asyncio.Task[None]] = set()

    @classmethod
    def is_configured(cls, settings: Settings) -> bool:
        """Tell whether there is a token."""
        return settings.telegram_bot_token is not None

    @property
    def is_ready(self) -> bool:
        """Tell whether updates come in."""
        return self._polling.is_ready

    @property
    def poll_age_s(self) -> float:
        """How long ago Telegram last answered a poll, infinite if never."""
        return self._polling.poll_age_s

    async def run(self) -> None:
        """Receive messages until cancelled. Raises PlatformLocked if the token stays refused."""
        self._me = await self._ask_me()
        log.info("telegram_started", bot_id=self._me.bot_id)
        self._start(self._update_menu())
        await self._polling.run()

    async def fetch(self, message: Message) -> bytes:
        """Return the sound of a message: see `core.interfaces.Platform`."""
        return await self.files.fetch(message)

    async def show(self, target: DeliveryTarget, text: str, *, is_lasting: bool = False) -> None:
        """Show the text so far, at the pace the chat allows: see `core.interfaces.Platform`."""
        self._live_messages.show(target, text, is_lasting=is_lasting)

    def play(self, target: DeliveryTarget, pcm: bytes, rate_hz: int) -> None:
        """Do nothing: Telegram plays whole voice messages only."""

    async def deliver(self, target: DeliveryTarget, reply: Reply) -> None:
        """Send a reply: see `core.interfaces.Platform`."""
        await self._delivery.deliver(target, reply)

    async def is_admin(self, message: Message) -> bool:
        """Tell whether the sender may change settings: see `core.interfaces.Platform`."""
        return await self._admins.is_admin(message)

    async def private_chat(self, person_id: str) -> Chat:
        """Return the chat that has the person's id: see `core.interfaces.Platform`."""
        if not self._me.bot_id:
            raise PlatformBusy("not logged in to Telegram yet")
        return Chat(self.name, self._me.bot_id, person_id)

    async def close(self) -> None:
        """Let go of connections and of what still runs beside."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._live_messages.close()
        await self.files.close()
        await self._client.close()

    async def _ask_me(self) -> BotIdentity:
        patience = Backoff(self._clock)
        while True:
            try:
                me = await self._client.bot.get_me()
            except TelegramError as error:
                log.warning("telegram_start_failed", detail=describe(error))
                await patience.wait(error)
            else:
                return BotIdentity(str(me.id), me.username or "")

    async def _take(self, raw: dict[str, Any]) -> None:
        """Commit one update. Whatever it raises, the update will be fetched again."""
        try:
            found = read_update(raw, self._me, self._clock.now())
        except POISON as error:
            update_id = raw.get("update_id")
            log.error("telegram_update_unread", update_id=update_id, error=type(error).__name__)
            return
        if isinstance(found, ChatMove):
            await self._inbox.move_chat(self.name, self._me.bot_id, found.old_id, found.new_id)
        elif found and self._is_allowed(found):
            await self._accept(found)

    async def _accept(self, message: Message) -> None:
        is_press = message.message_id.startswith(CALLBACK_PREFIX)
        if is_press:
            self._start(self._answer_press(message))
        job = await self._inbox.accept(message)
        quoted = message.reply_to and message.reply_to.attachment
        is_loud = job is not None and not commands.load_command(job.command).is_silent
        if is_loud and not is_press and (message.attachment or quoted):
            self._start(self._hear(message))

    def _is_allowed(self, message: Message) -> bool:
        if not self._allowed or self._allowed & {message.chat.chat_id, message.sender_id}:
            return True
        log.debug("telegram_chat_not_allowed", message_id=message.message_id)
        return False

    async def _hear(self, message: Message) -> None:
        """Show that the message was heard: eyes on it, or typing where those are forbidden."""
        bot, chat_id = self._client.bot, message.chat.chat_id
        await self._clock.sleep(HEARD_AFTER_S)
        try:
            await self.pacer.wait_beside(chat_id, limit_s=HEARD_WITHIN_S)
            await bot.set_message_reaction(
                int(chat_id), int(message.message_id), ReactionEmoji.EYES
            )
        except BadRequest:
            await self.pacer.wait_beside(chat_id, limit_s=HEARD_WITHIN_S)
            thread_id = as_thread(message.thread_id)
            await bot.send_chat_action(int(chat_id), ChatAction.TYPING, thread_id)
        except RetryAfter as error:
            self.pacer.hold(chat_id, as_seconds(error.retry_after))

    async def _answer_press(self, message: Message) -> None:
        """Stop the button's hourglass; too late is too late."""
        query_id = message.message_id.removeprefix(CALLBACK_PREFIX)
        await self._client.bot.answer_callback_query(query_id)

    async def _update_menu(self) -> None:
        listed = [(name, command.help) for name, command in commands.menu()]
        changed = await update_menu(self._client.bot, listed if self._menu is None else self._menu)
        if changed:
            log.info("telegram_menu", changed=changed)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something beside the loop that may fail without harm."""
        task = asyncio.create_task(_try(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _try(work: Coroutine[Any, Any, None]) -> None:
    try:
        await work
    except (TelegramError, PlatformBusy) as error:
        log.debug("telegram_nicety_failed", detail=describe(error))
