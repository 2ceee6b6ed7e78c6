"""Sends replies: each part at most once, and never less than once.

Edits are safe to repeat, and so are new messages while Discord remembers their nonce. Only a
follow-up, the one way left where the bot itself may not write, has neither.
"""

from __future__ import annotations

from dataclasses import replace

import structlog

from bots.discord_bot.channels import Channels
from bots.discord_bot.client.gateway import TROUBLE, DiscordClient
from bots.discord_bot.errors import describe
from bots.discord_bot.interactions.buttons import build_components
from bots.discord_bot.interactions.token import read_interaction_token
from bots.discord_bot.outgoing.fit_audio import fit_sounds
from bots.discord_bot.outgoing.live_message import DiscordLiveMessages, find_valid_token
from bots.discord_bot.outgoing.parts import FindUrl, MessagePart, build_parts
from bots.discord_bot.outgoing.requests import ORIGINAL, DiscordRequest, delete
from bots.discord_bot.outgoing.routes import DeliveryContext, find_placeholder, find_routes
from bots.discord_bot.outgoing.sending import Sender, Sent
from bots.discord_bot.outgoing.threads import (
    can_have_thread,
    count_messages,
    name_thread,
    open_thread,
)
from core import metrics
from core.errors import ChatGone, MessageGone, PlatformBusy
from core.inbox import Inbox
from core.interfaces import DeliveryTarget
from core.models import PLACEHOLDER, DeliveryState, Link, Message, Reply

log = structlog.get_logger(__name__)


class DiscordDelivery:
    """Sends the parts of replies in order and notes each in the ledger."""

    def __init__(
        self,
        client: DiscordClient,
        channels: Channels,
        live_messages: DiscordLiveMessages,
        inbox: Inbox,
    ) -> None:
        self._client = client
        self._channels = channels
        self._live_messages = live_messages
        self._inbox = inbox
        self._sender = Sender(client)
        #: How an answer goes that is longer than a message: see `core.config.Settings`.
        self.long_answers = "messages"
        #: Chats that refuse voice messages: they get the sound as a file.
        self._no_voice: set[str] = set()

    async def deliver(self, target: DeliveryTarget, reply: Reply) -> None:
        """Send what the ledger does not hold as sent, and edit what it holds as outdated.

        Raises PlatformError.
        """
        await self._live_messages.end(target)
        await self._withdraw(target)
        was_begun = await target.ledger.find(0) is not None
        parts: list[MessagePart] = []
        if reply != Reply():  # else all is said elsewhere
            find_url = await self._ask_urls(target.message, reply)
            most = count_messages(target.message, self.long_answers)
            fitting = await fit_sounds(reply)
            parts = build_parts(fitting, find_url, target.message.language, most)
        components = tuple(build_components([one for one in reply.buttons if one.token]))
        carrier = max((n for n, part in enumerate(parts) if not part.is_voice), default=-1)
        thread_id = ""
        for number, part in enumerate(parts):
            if number == 1 and part.text:
                thread_id = await self._open_thread(target, reply)
            draft = DiscordRequest(
                part,
                "" if part.is_voice else thread_id,
                components=components if number == carrier else (),
            )
            await self._deliver_part(target, number, draft, was_begun=was_begun)
        if not parts:
            await self._clear(await self._look(target))
        if was_begun:
            await self._remove_rest(target, len(parts))

    async def _open_thread(self, target: DeliveryTarget, reply: Reply) -> str:
        """Return the thread for what follows the first message, "" where it has none."""
        message = target.message
        if self.long_answers != "thread" or target.is_refusal or not can_have_thread(message):
            return ""
        begun = await target.ledger.find(0)
        if begun is None:
            return ""
        name = name_thread(reply)
        return await open_thread(self._client, message.chat.chat_id, begun.platform_id, name)

    async def _withdraw(self, target: DeliveryTarget) -> None:
        """Take away that we are thinking, which all see, where only one person will be told."""
        token = find_valid_token(target.message.reply_token, self._client.clock.now())
        if target.is_refusal and token and token.has_original and not token.is_ephemeral:
            await self._try_delete(DiscordRequest(MessagePart(), token=token, edit_id=ORIGINAL))

    async def _look(self, target: DeliveryTarget) -> DeliveryContext:
        message = target.message
        token = read_interaction_token(message.reply_token)
        good = find_valid_token(message.reply_token, self._client.clock.now())
        if good and target.is_refusal:
            # Nobody else need see it: what is said beside the first answer can be secret.
            has_original = good.has_original and good.is_ephemeral
            token = good = replace(good, is_ephemeral=True, has_original=has_original)
        placeholder = await target.ledger.find(PLACEHOLDER)
        is_secret = token is not None and (token.is_ephemeral or token.is_personal)
        return DeliveryContext(
            message,
            target.job_id,
            good,
            is_secret or not message.chat.chat_id.isdecimal(),
            placeholder.platform_id if placeholder else "",
            placeholder is not None and not placeholder.platform_id,
            not target.has_no_voice and message.chat.chat_id not in self._no_voice,
        )

    async def _deliver_part(
        self, target: DeliveryTarget, number: int, draft: DiscordRequest, *, was_begun: bool
    ) -> None:
        known = await target.ledger.find(number)
        if known and known.state is DeliveryState.SENT:
            return
        is_pending = known is not None and known.state is DeliveryState.PENDING
        # What an older form of the answer stands in.
        older_id = known.platform_id if known else ""
        context = await self._look(target)
        # Parts that were taken back leave no trace but the first one.
        is_again = known is not None or was_begun or (number == 0 and context.has_shown)
        routes = find_routes(context, number, draft, older_id)
        await target.ledger.start(number)
        sent = await self._send(target.message, routes, is_again=is_again)
        if is_pending and not sent.route.is_repeatable:
            metrics.AMBIGUOUS_SENDS.labels("discord").inc()
        await self._note_voice(target.message, sent)
        if number == 0 and not older_id and not sent.route.token:
            await self._clear(context, sent)
        await target.ledger.finish(number, sent.message_id)
        if older_id not in ("", sent.message_id):
            await self._remove(context, older_id, draft.channel_id)

    async def _send(
        self, message: Message, routes: list[DiscordRequest], *, is_again: bool
    ) -> Sent:
        try:
            return await self._sender.send(routes, language=message.language, is_again=is_again)
        except ChatGone as error:
            # The end of a thread, or of a right to answer, is not that of its chat.
            if message.thread_id or message.reply_token:
                raise MessageGone(str(error)) from None
            raise

    async def _note_voice(self, message: Message, sent: Sent) -> None:
        """Let a refusal of voice messages hold beyond this message, and this process."""
        if sent.is_voice_refused and message.chat.chat_id not in self._no_voice:
            await self._inbox.note_no_voice(message.chat)
            self._no_voice.add(message.chat.chat_id)

    async def _clear(self, context: DeliveryContext, sent: Sent | None = None) -> None:
        """Take away what showed the text so far, unless it has become the answer."""
        if context.token and context.token.has_original:
            original = DiscordRequest(MessagePart(), token=context.token, edit_id=ORIGINAL)
            if await self._try_delete(original):
                return
        shown_id = context.placeholder_id
        if context.is_placeholder_lost and context.channel_id and not context.message.reply_token:
            is_found = sent is not None and not sent.route.part.is_voice
            lost = None if is_found else await self._sender.send([find_placeholder(context)])
            shown_id = lost.message_id if lost else ""
        if shown_id and not (sent and sent.message_id == shown_id):
            await self._remove(context, shown_id)

    async def _remove_rest(self, target: DeliveryTarget, count: int) -> None:
        """Take back the parts that an older form of the answer had beyond `count`."""
        rest: list[str] = []
        while known := await target.ledger.find(count + len(rest)):
            rest.append(known.platform_id)
        context = await self._look(target)
        first = await target.ledger.find(0)
        # A thread has the id of the message that it was made from.
        thread_id = first.platform_id if first and self.long_answers == "thread" else ""
        # The last one first: the ledger never has a gap.
        for part, message_id in reversed([*enumerate(rest, count)]):
            if message_id:
                await self._remove(context, message_id, thread_id if part else "")
            await target.ledger.forget(part)

    async def _remove(self, context: DeliveryContext, message_id: str, thread_id: str = "") -> None:
        """Delete a message of ours where that can be done. thread_id: where it may be as well."""
        if thread_id and await self._try_delete(
            DiscordRequest(MessagePart(), thread_id, edit_id=message_id)
        ):
            return
        if context.token and await self._try_delete(
            DiscordRequest(MessagePart(), token=context.token, edit_id=message_id)
        ):
            return
        if context.channel_id:
            await self._try_delete(
                DiscordRequest(MessagePart(), context.channel_id, edit_id=message_id)
            )

    async def _try_delete(self, out: DiscordRequest) -> bool:
        try:
            await delete(self._client, out)
        except (*TROUBLE, PlatformBusy) as error:
            log.debug("discord_message_stays", detail=describe(error))
            return False
        return True

    async def _ask_urls(self, message: Message, reply: Reply) -> FindUrl:
        """Return the addresses of the messages that a reply leads to. Raises PlatformError."""
        own = message.chat
        chats = {replace(own, chat_id=link.chat_id or own.chat_id) for link in reply.links}
        guilds = {chat.chat_id: await self._channels.find_guild(chat) for chat in chats}
        if message.is_private:
            guilds[own.chat_id] = "@me"

        def find_url(link: Link) -> str:
            chat_id = link.chat_id or own.chat_id
            ids = (link.thread_id or chat_id, link.message_id)
            if not guilds[chat_id] or not all(one.isdecimal() for one in ids):
                return ""
            return f"https://discord.com/channels/{guilds[chat_id]}/{ids[0]}/{ids[1]}"

        return find_url
