"""Delivers replies: each part at least once, and at most once where Discord allows it.

Edits are safe to repeat, and so are new messages while Discord remembers their nonce. Only a
follow-up, the last route where the bot itself may not write, has neither.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import structlog

from bots.common.chat import finish_call
from bots.discord_bot.client.gateway import REQUEST_ERRORS, DiscordClient
from bots.discord_bot.errors import describe
from bots.discord_bot.incoming.deletions import cancel_deleted
from bots.discord_bot.incoming.intake import Channels
from bots.discord_bot.outgoing.files import fit_audio
from bots.discord_bot.outgoing.live_message import DiscordLiveMessages
from bots.discord_bot.outgoing.markdown import FindUrl
from bots.discord_bot.outgoing.parts import (
    MAX_MESSAGES,
    MessagePart,
    build_components,
    build_parts,
)
from bots.discord_bot.outgoing.requests import delete
from bots.discord_bot.outgoing.routes import (
    ORIGINAL,
    WATCHED_S,
    DeliveryContext,
    DiscordRequest,
    build_new,
    find_routes,
    is_shown_as_command,
    read_interaction_token,
)
from bots.discord_bot.outgoing.sending import Sender, Sent
from bots.discord_bot.outgoing.threads import (
    can_have_thread,
    count_messages,
    name_thread,
    open_thread,
)
from core import metrics
from core.commands.say import read_call
from core.errors import ChatGone, MessageGone, PlatformBusy
from core.inbox import Inbox
from core.interfaces import DeliveryTarget
from core.models import PLACEHOLDER, Chat, DeliveryState, Link, Message, QuotedMessage, Reply
from core.text.split import shorten

log = structlog.get_logger(__name__)

#: How much is shown of what /say was asked to speak.
_SPOKEN_CHARS = 300


class DiscordDelivery:
    """Sends the parts of replies in order and notes each in the ledger."""

    def __init__(
        self,
        client: DiscordClient,
        channels: Channels,
        live_messages: DiscordLiveMessages,
        inbox: Inbox,
        end_speech: Callable[[str], None],
    ) -> None:
        self._client = client
        self._channels = channels
        self._live_messages = live_messages
        #: Called with a job's id: its speech in a voice channel is complete.
        self._end_speech = end_speech
        self._inbox = inbox
        self._sender = Sender(client)
        #: How replies longer than a message are sent: see `core.config.Settings`.
        self.long_answers = "messages"
        #: Chats that refuse voice messages: they get files.
        self._no_voice: set[str] = set()

    async def deliver(self, target: DeliveryTarget, reply: Reply) -> None:
        """Send the parts that the ledger does not hold as sent; edit those that are outdated.

        Raises PlatformError, JobCancelled if the message was deleted.
        """
        if self._client.voice_clients:
            self._end_speech(target.job_id)
        await self._live_messages.end(target)
        first = await target.ledger.find(0)
        # What was sent whole stays when the message is deleted, and can be corrected.
        is_new = first is None or first.state is not DeliveryState.STALE
        if is_new and target.message.message_id not in self._client.seen:
            await cancel_deleted(self._client, self._inbox, target.message)
        parts = [] if reply == Reply() else await self._build_parts(target, reply)  # sent before
        target.ledger.expect(len(parts))
        components = tuple(build_components([one for one in reply.buttons if one.token]))
        carrier = max((n for n, part in enumerate(parts) if not part.is_voice), default=-1)
        thread_id = ""
        for number, part in enumerate(parts):
            if number == 1 and part.text and self.long_answers == "thread":
                thread_id = await self._open_thread(target, reply)
            if number and part.is_voice and is_shown_as_command(target.message):
                target = await self._reply_to_first(target)
            shown = components if number == carrier else ()
            draft = DiscordRequest(part, "" if part.is_voice else thread_id, components=shown)
            await finish_call(self._deliver_part(target, number, draft, was_started=bool(first)))
        if not parts:
            await self._clear(await self._read_context(target))
        if first:
            await self._remove_rest(target, len(parts))

    async def _build_parts(self, target: DeliveryTarget, reply: Reply) -> list[MessagePart]:
        """Return the parts of a reply. That of a refusal takes back what all would see.

        Raises PlatformError.
        """
        message, max_messages = target.message, MAX_MESSAGES
        if target.is_refusal:
            await self._withdraw(target)
        if self.long_answers != "messages":
            max_messages = count_messages(message, self.long_answers)
        if reply.files:
            reply = await fit_audio(reply)
        find_url = await self._find_urls(message, reply) if reply.links else lambda _: ""
        command_ids = self._client.command_ids
        parts = build_parts(reply, find_url, message.language, max_messages, command_ids)
        if parts[0].is_voice and is_shown_as_command(message):
            # A voice message shows nobody's name; the response before it does.
            words = Reply(quote=shorten(read_call(message.text)[1], _SPOKEN_CHARS))
            parts = [*build_parts(words), *parts]
        return parts

    async def _find_urls(self, message: Message, reply: Reply) -> FindUrl:
        """Return the addresses of the messages that a reply links to. Raises PlatformError."""
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

    async def _open_thread(self, target: DeliveryTarget, reply: Reply) -> str:
        """Return the thread for what follows the first message, "" where there can be none."""
        message, first = target.message, await target.ledger.find(0)
        if first is None or target.is_refusal or not can_have_thread(message):
            return ""
        chat_id, name = message.chat.chat_id, name_thread(reply)
        return await open_thread(self._client, chat_id, first.platform_id, name)

    async def _reply_to_first(self, target: DeliveryTarget) -> DeliveryTarget:
        """Return the target of what replies to the first part."""
        first = await target.ledger.find(0)
        quoted = QuotedMessage(first.platform_id) if first else None
        return replace(target, message=replace(target.message, reply_to=quoted))

    async def _withdraw(self, target: DeliveryTarget) -> None:
        """Delete a public "thinking" response before a refusal that only one person sees."""
        token = read_interaction_token(target.message.reply_token)
        first_responses, message_id = self._client.first_responses, target.message.message_id
        await first_responses.wait(message_id, is_refusal=True)
        is_ephemeral = token and (token.is_ephemeral or first_responses.is_ephemeral(message_id))
        is_public = token and token.has_original and not is_ephemeral
        if token and is_public and token.is_valid(self._client.clock.now()):
            await self._try_delete(DiscordRequest(MessagePart(), token=token, edit_id=ORIGINAL))

    async def _read_context(self, target: DeliveryTarget) -> DeliveryContext:
        message = target.message
        token = read_interaction_token(message.reply_token) if message.reply_token else None
        is_secret = token is not None and (token.is_ephemeral or token.is_personal)
        if token:
            await self._client.first_responses.wait(message.message_id)
        if token and not token.is_valid(self._client.clock.now()):
            token = None
        elif token and target.is_refusal:
            # For the person alone: what follows an ephemeral response can be ephemeral too.
            is_private = self._client.first_responses.is_ephemeral(message.message_id)
            has_original = token.has_original and (token.is_ephemeral or is_private)
            token = replace(token, is_ephemeral=True, has_original=has_original)
            is_secret = True
        placeholder = await target.ledger.find(PLACEHOLDER)
        wait_s = (self._client.clock.now() - message.sent_at).total_seconds()
        is_secret = is_secret or not message.chat.chat_id.isdecimal()
        channel_id = message.thread_id or message.chat.chat_id
        return DeliveryContext(
            message,
            target.job_id,
            token,
            is_secret,
            channel_id if channel_id.isdecimal() and not is_secret else "",
            placeholder.platform_id if placeholder else "",
            placeholder is not None and not placeholder.platform_id,
            "late" if placeholder and wait_s > WATCHED_S else "",
            not target.has_no_voice and message.chat.chat_id not in self._no_voice,
        )

    async def _deliver_part(
        self, target: DeliveryTarget, number: int, draft: DiscordRequest, *, was_started: bool
    ) -> None:
        message, known = target.message, await target.ledger.find(number)
        if known and known.state is DeliveryState.SENT:
            return
        # The message that holds an outdated version of the part.
        older_id = known.platform_id if known else ""
        context = await self._read_context(target)
        has_placeholder = bool(context.placeholder_id) or context.is_placeholder_lost
        # Parts that were removed leave no trace but the first one.
        is_retry = known is not None or was_started or (number == 0 and has_placeholder)
        routes = find_routes(context, number, draft, older_id)
        await target.ledger.start(number)
        try:
            sent = await self._sender.send(routes, language=message.language, is_retry=is_retry)
        except ChatGone as error:
            # The end of a thread, or of an interaction token, is not that of its chat.
            is_part_of_chat = message.thread_id or message.reply_token
            raise (MessageGone(str(error)) if is_part_of_chat else error) from None
        if sent.is_voice_refused:
            await self._note_no_voice(message.chat)
        if known and known.state is DeliveryState.PENDING and not sent.route.is_repeatable:
            metrics.AMBIGUOUS_SENDS.labels("discord").inc()
        is_live_left = not sent.route.token and sent.message_id != context.placeholder_id
        if number == 0 and not older_id and is_live_left:
            await self._clear(context, sent)
        await finish_call(target.ledger.finish(number, sent.message_id))
        if older_id not in ("", sent.message_id):
            await self._remove(context, older_id, draft.channel_id)

    async def _note_no_voice(self, chat: Chat) -> None:
        """Remember, beyond this process too, that a chat refuses voice messages."""
        if chat.chat_id not in self._no_voice:
            await self._inbox.note_no_voice(chat)
            self._no_voice.add(chat.chat_id)

    async def _clear(self, context: DeliveryContext, sent: Sent | None = None) -> None:
        """Delete the live message, unless it has become the reply."""
        if context.token and context.token.has_original:
            original = DiscordRequest(MessagePart(), token=context.token, edit_id=ORIGINAL)
            if await self._try_delete(original):
                return
        shown_id = context.placeholder_id
        if context.is_placeholder_lost and context.channel_id and not context.message.reply_token:
            part = MessagePart("…")
            request = build_new(context.message, context.job_id, PLACEHOLDER, part)
            is_found = sent is not None and sent.route.nonce == request.nonce
            lost = None if is_found else await self._sender.send([request])
            shown_id = lost.message_id if lost else ""
        if shown_id and not (sent and sent.message_id == shown_id):
            await self._remove(context, shown_id)

    async def _remove_rest(self, target: DeliveryTarget, count: int) -> None:
        """Delete the parts that an older version of the reply had beyond `count`."""
        rest: list[str] = []
        while known := await target.ledger.find(count + len(rest)):
            rest.append(known.platform_id)
        context = await self._read_context(target)
        first = await target.ledger.find(0)
        # A thread has the id of the message that it was started from.
        thread_id = first.platform_id if first and self.long_answers == "thread" else ""
        # The last one first: the ledger never has a gap.
        for part, message_id in reversed([*enumerate(rest, count)]):
            if message_id:
                await self._remove(context, message_id, thread_id if part else "")
            await target.ledger.forget(part)

    async def _remove(self, context: DeliveryContext, message_id: str, thread_id: str = "") -> None:
        """Delete one of our messages where possible. thread_id: where it may be as well."""
        request = DiscordRequest(MessagePart(), edit_id=message_id)
        if thread_id and await self._try_delete(replace(request, channel_id=thread_id)):
            return
        if context.token and await self._try_delete(replace(request, token=context.token)):
            return
        if context.channel_id:
            await self._try_delete(replace(request, channel_id=context.channel_id))

    async def _try_delete(self, request: DiscordRequest) -> bool:
        try:
            await delete(self._client, request)
        except (*REQUEST_ERRORS, PlatformBusy) as error:
            log.debug("discord_message_not_deleted", detail=describe(error))
            return False
        return True
