"""Requests to Telegram: a reply in messages and files that it accepts, and the calls themselves.

Telegram counts in UTF-16 units. Entities, the only formatting, mark links and quotes by offset
and length; nothing in a text is parsed as markup.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from operator import itemgetter
from typing import Any, Literal

import telegram
from telegram import (
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    InputFile,
    LinkPreviewOptions,
    MessageEntity,
    ReplyParameters,
)

from bots.common.chat import clean, count_units, is_blank, split
from bots.telegram_bot.errors import Refusal
from bots.telegram_bot.incoming.updates import CALLBACK_PREFIX
from bots.telegram_bot.outgoing.links import build_links, build_marks
from core.commands import QUIET
from core.interfaces import DeliveryTarget
from core.models import LIVE, Button, DeliveryState, File, Message, PartDelivery, Reply
from core.safety import disable_links, restore_links

#: Longest message.
MAX_UNITS = 4096
MAX_CAPTION_UNITS = 1024
#: A message with more entities is refused.
MAX_ENTITIES = 100
#: Telegram shows a larger voice message as a file.
MAX_VOICE_BYTES = 1_000_000
#: A reply that needs more messages than this becomes a file.
MAX_MESSAGES = 4
#: How much of a reply that became a file is shown.
PREVIEW_UNITS = 1000
#: A quote above either is collapsed.
COLLAPSE_CHARS = 300
COLLAPSE_LINES = 5
#: The artist, as the music player shows it.
PERFORMER = "Hearsay (AI)"
#: (widest label in columns, buttons per row), the most buttons first.
ROW_WIDTHS = ((10, 3), (16, 2))


@dataclass(frozen=True, slots=True)
class TextPart:
    """One text message."""

    text: str
    entities: tuple[MessageEntity, ...] = ()
    kind: Literal["text"] = "text"


@dataclass(frozen=True, slots=True)
class FilePart:
    """One file, sent for download, for the music player or as a voice message."""

    file: File
    kind: Literal["document", "audio", "voice"] = "document"
    #: The text of the reply, where it fits below its only recording.
    caption: str = ""
    entities: tuple[MessageEntity, ...] = ()


Part = TextPart | FilePart


@dataclass(frozen=True, slots=True)
class TelegramRequest:
    """A new message, or the edit of our own message `edit_id`."""

    chat_id: str
    part: Part
    thread_id: int | None = None
    reply_to: str = ""
    edit_id: str = ""
    keyboard: InlineKeyboardMarkup | None = None
    #: Sent without a notification.
    is_silent: bool = False


def build_parts(reply: Reply, chat_id: str = "") -> list[Part]:
    """Return what to send for `reply`, in order; never an empty list.

    The same reply always gives the same parts: the ledger counts them.
    chat_id: where the reply goes; links to other messages of that chat need it.
    """
    # Strip mentions so that a quote under our name notifies nobody.
    text, quote = clean(reply.text).strip("\n"), disable_links(clean(reply.quote)).strip("\n")
    has_links = reply.links or reply.spans
    linked = TextPart(text, build_links(reply, text, chat_id) if has_links else ())
    quoted = TextPart(quote, build_marks(reply, quote) if reply.marks else ())
    whole = _join(linked, quoted, is_quote_first=reply.is_quote_first) if quote else linked
    messages = _cut(whole, MAX_UNITS)
    files = [_build_file(file) for file in reply.files]
    is_audio = len(files) == 1 and files[0].kind != "document"
    if is_audio and not quote and len(messages) == 1:
        [only] = messages
        if count_units(only.text) <= MAX_CAPTION_UNITS:
            return [replace(files[0], caption=only.text, entities=only.entities)]
    if len(messages) > MAX_MESSAGES:
        preview = _build_preview(linked, quote, is_quote_first=reply.is_quote_first)
        name = "transcript.txt" if quote else "reply.txt"
        text_file = FilePart(File(name, "text/plain", restore_links(whole.text).encode()))
        return [preview, text_file, *files]
    return [*messages, *files] or [TextPart("…")]


def halve(part: Part) -> list[Part]:
    """Return the same in two messages, an empty list if it cannot be divided."""
    if isinstance(part, FilePart):
        caption = TextPart(part.caption, part.entities)
        return [caption, replace(part, caption="", entities=())] if part.caption else []
    units = count_units(part.text)
    return [*_cut(part, (units + 1) // 2)] if units > 1 else []


def _join(linked: TextPart, quoted: TextPart, *, is_quote_first: bool) -> TextPart:
    """Return text and quote as one message of any length."""
    quote, joiner = quoted.text, "\n\n" if linked.text else ""
    is_long = len(quote) > COLLAPSE_CHARS or quote.count("\n") >= COLLAPSE_LINES
    kind = MessageEntity.EXPANDABLE_BLOCKQUOTE if is_long else MessageEntity.BLOCKQUOTE
    at_units = 0 if is_quote_first else count_units(linked.text + joiner)
    marks = MessageEntity.shift_entities(at_units, quoted.entities)
    # The quote comes first in the list: if there are too many entities, it is kept.
    styles = (MessageEntity(kind, at_units, count_units(quote)), *marks)
    if is_quote_first:
        links = MessageEntity.shift_entities(count_units(quote + joiner), linked.entities)
        return TextPart(quote + joiner + linked.text, (*styles, *links))
    return TextPart(linked.text + joiner + quote, (*styles, *linked.entities))


def _cut(part: TextPart, max_units: int) -> list[TextPart]:
    """Return a long text as messages, each with its share of the entities."""
    messages, at_units = [], 0
    for piece in split(part.text, max_units):
        # No entity covers whitespace at the end of a piece: Telegram strips it.
        units, entities = piece.rstrip().encode("utf-16-le"), []
        for entity in part.entities:
            start = max(0, entity.offset - at_units)
            end = min(entity.offset + entity.length - at_units, len(units) // 2)
            covered = units[start * 2 : max(start, end) * 2].decode("utf-16-le", "ignore")
            if not is_blank(covered):
                entities.append(MessageEntity(entity.type, start, end - start, entity.url))
        if not is_blank(piece):
            messages.append(TextPart(piece, tuple(entities[:MAX_ENTITIES])))
        at_units += count_units(piece)
    return messages


def _build_file(file: File) -> FilePart:
    if not file.mime.startswith("audio/"):
        return FilePart(file)
    is_voice = file.mime == "audio/ogg" and len(file.data) <= MAX_VOICE_BYTES
    return FilePart(file, "voice" if is_voice else "audio")


def _build_preview(linked: TextPart, quote: str, *, is_quote_first: bool) -> TextPart:
    """Return the start of a reply whose whole text is sent as a file."""
    if count_units(linked.text) > PREVIEW_UNITS:
        first = next(iter(_cut(linked, PREVIEW_UNITS)), TextPart(""))
        return replace(first, text=f"{first.text.rstrip()} …")
    if not quote:
        return TextPart(linked.text or "…", linked.entities)
    start = split(quote, PREVIEW_UNITS)[0].rstrip()
    return _join(linked, TextPart(f"{start} …"), is_quote_first=is_quote_first)


def build_request(message: Message, part: Part) -> TelegramRequest:
    """Return `part` as the reply to `message`, in its chat and topic."""
    reply_to = message.message_id
    # A button press is no message: the reply goes to the one that has the button.
    if reply_to.startswith(CALLBACK_PREFIX):
        reply_to = message.reply_to.message_id if message.reply_to else ""
    # No topic in General and where there are none.
    thread_id = int(message.thread_id) if message.thread_id else None
    place = message.chat.chat_id, part, thread_id, reply_to if reply_to.isdecimal() else ""
    return TelegramRequest(*place, is_silent=message.command in QUIET)


def build_keyboard(buttons: Sequence[Button], username: str = "") -> InlineKeyboardMarkup | None:
    """Return the buttons that have a token, short ones side by side; None if there are none.

    username: the bot's own; a private button opens the chat with it.
    """
    keys = []
    for button in buttons:
        label, url = clean(button.label) or "…", f"https://t.me/{username}?start={button.token}"
        # On a small screen, the label's width decides how many buttons fit in a row.
        columns = sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in label)
        per_row = next((count for limit, count in ROW_WIDTHS if columns <= limit), 1)
        # Files have a row of their own.
        kind = (per_row, button.command == "text_file")
        if button.token and button.is_private:
            keys.append((kind, InlineKeyboardButton(label, url=url)))
        elif button.token:
            keys.append((kind, InlineKeyboardButton(label, callback_data=button.token)))
    rows = []
    for (per_row, _), run in groupby(keys, itemgetter(0)):
        rest = [key for _, key in run]
        # Rows of even length: seven buttons make three, two and two.
        for rows_left in range(-(-len(rest) // per_row), 0, -1):
            length = -(-len(rest) // rows_left)
            rows.append(rest[:length])
            rest = rest[length:]
    return InlineKeyboardMarkup(rows) if rows else None


def read_placeholder_id(target: DeliveryTarget, placeholder: PartDelivery | None) -> str:
    """Return the id of the placeholder in the message's chat, or ""."""
    if placeholder is None or placeholder.state is not DeliveryState.SENT:
        return ""
    message_id = placeholder.platform_id.removeprefix(LIVE)
    # A failed job that is run again leaves its bare id, valid while the question has one too. That
    # from before the chat moved has another prefix.
    is_here = message_id.isdecimal() and target.message.message_id
    return message_id if is_here else ""


def change(request: TelegramRequest, refusal: Refusal | None) -> TelegramRequest | None:
    """Return what to try instead of a refused call, None if nothing can be changed."""
    if refusal is Refusal.MESSAGE_GONE and request.edit_id:
        return replace(request, edit_id="")
    if refusal is Refusal.REPLY_GONE and request.reply_to:
        return replace(request, reply_to="")
    if refusal is Refusal.TOPIC_GONE and (request.thread_id or request.reply_to):
        # A reply would end up in the same topic again.
        return replace(request, thread_id=None, reply_to="")
    if refusal is Refusal.BAD_ENTITIES and request.part.entities:
        return replace(request, part=replace(request.part, entities=()))
    if refusal is Refusal.AUDIO_FORBIDDEN and isinstance(request.part, FilePart):
        # A chat may refuse voice messages but take music, or only plain files.
        if request.part.kind == "voice":
            return replace(request, part=replace(request.part, kind="audio"))
        if request.part.kind == "audio":
            return replace(request, part=replace(request.part, kind="document"))
    return None


async def perform(bot: telegram.Bot, request: TelegramRequest) -> str:
    """Make one call and return the id of the message that it created or edited.

    Raises TelegramError.
    """
    chat_id, part = int(request.chat_id), request.part
    reply_parameters = None
    if request.reply_to:
        # A message that was deleted meanwhile is no reason not to reply.
        reply_parameters = ReplyParameters(int(request.reply_to), allow_sending_without_reply=True)
    options: dict[str, Any] = {
        "message_thread_id": request.thread_id,
        "reply_parameters": reply_parameters,
        "reply_markup": request.keyboard,
        "disable_notification": request.is_silent or None,
    }
    if isinstance(part, FilePart):
        sent = await _send_file(bot, chat_id, part, options)
        return str(sent.message_id)
    preview = LinkPreviewOptions(is_disabled=True)
    if request.edit_id:
        await bot.edit_message_text(
            part.text, chat_id, int(request.edit_id), entities=part.entities,
            reply_markup=request.keyboard, link_preview_options=preview,
        )  # fmt: skip
        return request.edit_id
    sent = await bot.send_message(
        chat_id, part.text, entities=part.entities, link_preview_options=preview, **options
    )
    return str(sent.message_id)


async def _send_file(
    bot: telegram.Bot, chat_id: int, part: FilePart, options: dict[str, Any]
) -> telegram.Message:
    file = part.file
    options |= {"caption": part.caption or None, "caption_entities": part.entities}
    upload = InputFile(file.data, file.name.split("/")[-1])
    if part.kind == "document":
        return await bot.send_document(chat_id, upload, **options)
    # Telegram counts whole seconds, and shows no duration for 0.
    duration_s = None if file.duration_s is None else max(1, round(file.duration_s))
    if part.kind == "voice":
        return await bot.send_voice(chat_id, upload, duration_s, **options)
    return await bot.send_audio(
        chat_id, upload, duration_s, PERFORMER, clean(file.title) or None, **options
    )
