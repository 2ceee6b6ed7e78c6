"""The Telegram platform: messages in, replies out, over the Bot API."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import structlog
from telegram.constants import ChatAction, ReactionEmoji
from telegram.error import BadRequest, InvalidToken, RetryAfter, TelegramError

from bots.common.chat import ChatBot
from bots.telegram_bot.access import TelegramMembers
from bots.telegram_bot.client import TOKEN_REMEDY, Backoff, TelegramClient
from bots.telegram_bot.errors import POISON, describe
from bots.telegram_bot.incoming.files import TelegramFiles
from bots.telegram_bot.incoming.joining import MemberChange, read_member_changes
from bots.telegram_bot.incoming.updates import (
    CALLBACK_PREFIX,
    BotIdentity,
    ChatMove,
    read_update,
)
from bots.telegram_bot.menu import update_menu
from bots.telegram_bot.outgoing.delivery import TelegramDelivery
from bots.telegram_bot.outgoing.live_message import TelegramLiveMessages
from bots.telegram_bot.pacing import TelegramPacer
from bots.telegram_bot.polling import Polling
from core import commands
from core.clock import CLOCK, Clock
from core.config import Settings
from core.errors import PlatformBusy
from core.inbox import Inbox
from core.interfaces import DeliveryTarget
from core.models import Chat, Message
from core.setting_types import TELEGRAM_WEBHOOK_PATH

if TYPE_CHECKING:
    from bots.telegram_bot.webhook import Webhook

log = structlog.get_logger(__name__)

#: Largest file that a bot may send. Source: Bot API, "Sending files".
MAX_UPLOAD_BYTES = 50_000_000
#: An acknowledgement later than this is no longer worth a call.
ACKNOWLEDGE_WITHIN_S = 5.0


class TelegramBot(ChatBot):
    """One Telegram bot; a `core.interfaces.Platform`."""

    name = "telegram"
    max_upload_bytes = MAX_UPLOAD_BYTES
    sdk_errors = (TelegramError,)
    describe = staticmethod(describe)

    def __init__(
        self,
        settings: Settings,
        inbox: Inbox,
        menu: Iterable[tuple[str, str]] | None = None,
        clock: Clock = CLOCK,
        client: TelegramClient | None = None,
    ) -> None:
        """Build the parts; nothing connects before `run`, unless `client` has connected.

        menu: (command, msgid of its help text) pairs; None = all commands.
        """
        super().__init__(settings, inbox, clock)
        self._menu = menu
        self._client = client or TelegramClient(settings)
        bot = self._client.bot
        self.pacer = TelegramPacer(clock)
        self._live_messages = TelegramLiveMessages(bot, self.pacer, self.start_task, clock)
        self.files = files = TelegramFiles(self._client, self.pacer, settings, inbox)
        self._intake = self._build_intake(settings)
        self._me = BotIdentity("", "")
        self._parts = (self._client,)
        # The rest of the contract, each by the part that does it.
        self.fetch, self.max_file_bytes = files.fetch, files.max_bytes
        self.show = self._live_messages.show
        self.offer_cancel = self._live_messages.offer_cancel
        self.deliver = TelegramDelivery(bot, self.pacer, self._live_messages, inbox).deliver
        self._members = members = TelegramMembers(bot, self.pacer, clock)
        self.membership = members.membership
        self.explain_blindness = members.explain_blindness  # type: ignore[method-assign]

    def _build_intake(self, settings: Settings) -> Polling | Webhook:
        if settings.telegram_webhook_url is None:
            return Polling(self._client, self._take, self._clock)
        # Loaded only where it is used.
        from bots.telegram_bot.webhook import Webhook

        webhook = Webhook(self._client.bot, settings, self._take, self._clock)
        self.endpoints = {TELEGRAM_WEBHOOK_PATH: webhook.endpoint}
        return webhook

    @property
    def is_ready(self) -> bool:
        """True while updates come in, here or to another process that has the long poll."""
        return self._intake.is_ready or self._lease in self._inbox.ownership.waiting

    @property
    def is_locked(self) -> bool:  # type: ignore[override]
        """True while Telegram has been rejecting the token for half a minute."""
        return self._intake.is_locked

    async def run(self) -> None:
        """Receive messages until cancelled. Raises PlatformLocked if the token stays refused."""
        await self.log_in()
        name = self._me.username
        log.info(
            "telegram_started", bot=f"@{name}", url=f"https://t.me/{name}", bot_id=self._me.bot_id
        )
        self.start_task(self._update_menu())
        if isinstance(self._intake, Polling):
            # Telegram gives updates to one process at a time.
            await self._inbox.ownership.run(self._lease, self._intake.run)
        else:
            await self._intake.run()

    async def log_in(self) -> None:
        """Learn who the bot is. Waits as long as it takes."""
        self._me = await self._log_in()
        self.pacer.count_all = self._inbox.count_sends(self._lease)

    @property
    def _lease(self) -> str:
        return f"{self.name} {self._me.bot_id}"

    def play(self, target: DeliveryTarget, pcm: bytes, rate_hz: int) -> None:
        """Do nothing: Telegram plays complete voice messages only."""

    async def private_chat(self, person_id: str) -> Chat:
        """Return the chat with a person: it has the person's id.

        Raises ChatGone if the person has never started it, has stopped it, or is no person.
        """
        if not self._me.bot_id:
            raise PlatformBusy("not logged in to Telegram yet")
        await self._members.require_private(person_id)
        return Chat(self.name, self._me.bot_id, person_id)

    async def _log_in(self) -> BotIdentity:
        backoff = Backoff(self._clock)
        while True:
            try:
                me = await self._client.bot.get_me()
            except TelegramError as error:
                remedy = {"remedy": TOKEN_REMEDY} if isinstance(error, InvalidToken) else {}
                log.warning("telegram_start_failed", detail=describe(error), **remedy)
                await backoff.wait(error)
            else:
                return BotIdentity(str(me.id), me.username or "")

    async def _take(self, raw: dict[str, Any]) -> None:
        """Commit one update. Whatever this raises, the update comes again."""
        try:
            found = read_update(raw, self._me, self._clock.now())
            changes = [] if found else read_member_changes(raw, self._me.bot_id)
        except POISON as error:
            update_id = raw.get("update_id")
            log.error("telegram_update_unread", update_id=update_id, error=type(error).__name__)
            return
        for change in changes:
            await self._note_change(change)
        if isinstance(found, ChatMove):
            await self._inbox.move_chat(self.name, self._me.bot_id, found.old_id, found.new_id)
        elif found and self.is_allowed(found):
            if found.message_id.startswith(CALLBACK_PREFIX):
                self.start_task(self._answer_callback(found))
            await self.accept(found)

    async def _note_change(self, change: MemberChange) -> None:
        self._members.note_change(change)
        if change.has_joined:
            chat = Chat(self.name, self._me.bot_id, change.chat_id)
            await self._inbox.note_joined(chat, [change.person_id], change.language)

    async def acknowledge(self, message: Message) -> None:
        """React with 👀, or show "typing" where reactions are not allowed."""
        bot, chat_id = self._client.bot, message.chat.chat_id
        try:
            await self.pacer.wait(chat_id, limit_s=ACKNOWLEDGE_WITHIN_S, is_message=False)
            with suppress(BadRequest):
                await bot.set_message_reaction(
                    int(chat_id), int(message.message_id), ReactionEmoji.EYES
                )
                return
            thread_id = int(message.thread_id) if message.thread_id else None
            await bot.send_chat_action(int(chat_id), ChatAction.TYPING, thread_id)
        except (TelegramError, PlatformBusy) as error:
            if isinstance(error, RetryAfter):
                self.pacer.hold(chat_id, error.retry_after)
            log.debug("telegram_not_acknowledged", detail=describe(error))

    async def _answer_callback(self, message: Message) -> None:
        """Stop the progress bar on a pressed button, unless Telegram has stopped it itself."""
        query_id = message.message_id.removeprefix(CALLBACK_PREFIX)
        with suppress(BadRequest):
            await self._client.bot.answer_callback_query(query_id)

    async def _update_menu(self) -> None:
        listed = [(name, command.help) for name, command in commands.menu()]
        changed = await update_menu(self._client.bot, listed if self._menu is None else self._menu)
        if changed:
            log.info("telegram_menu", changed=changed)
