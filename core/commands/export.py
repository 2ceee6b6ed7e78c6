"""/export: everything that is kept of the person who asks, as ZIP files, for that person alone."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from core.commands import Command, chat_of
from core.commands.context import Context
from core.errors import ChatGone, UserError
from core.locale import Plural, mark
from core.models import Chat, File, Message, Reply
from core.privacy.archive import MARGIN_BYTES, ExportSound, pack
from core.privacy.export import JSON_NAME, Export, dump
from core.text.scripts import join_texts

NOBODY = mark("I cannot tell who you are here. Send me /export in private.")
SENT = mark("You get it in private.")
STRANGER = mark("I may not write to you yet. Write to me in private, and send /export there.")
TOO_LARGE = mark("There is too much to send it here. Please ask the person who runs this bot.")
#: An export looks through all that is stored: not more often than this.
INTERVAL = timedelta(minutes=10)
#: How much sound goes into one export, however many files a platform takes: the reply is saved.
SOUND_BYTES = 20_000_000


async def export(ctx: Context) -> Reply:
    """Reply with the archives where the sender alone sees them, else send them in private."""
    message = ctx.message
    if not message.sender_id:
        raise UserError(NOBODY)
    if message.is_private or ctx.platform.is_ephemeral(message):
        return await make_export(ctx)
    try:
        chat = await ctx.platform.private_chat(message.sender_id)
    except ChatGone:
        raise UserError(STRANGER) from None
    own = Message(
        chat=chat,
        message_id=f"export:{ctx.job.job_id}",
        sent_at=message.sent_at,
        sender_id=message.sender_id,
        sender_name=message.sender_name,
        language=message.language,
        command="export",
    )
    await ctx.store.intake.add_own(own)
    return Reply(ctx.text(SENT))


async def make_export(ctx: Context) -> Reply:
    """Reply with everything that is kept of the sender."""
    await _require_pause(ctx)
    message, max_bytes = ctx.message, ctx.platform.max_upload_bytes - MARGIN_BYTES
    sound = ExportSound(SOUND_BYTES, max_bytes)
    private, person_id = await _private_chat(ctx), message.sender_id
    found, people = await ctx.store.exports.collect(private, person_id, sound)
    archives = await asyncio.to_thread(_pack, found, sound, max_bytes)
    if max(map(len, archives)) > ctx.platform.max_upload_bytes:
        raise UserError(TOO_LARGE)
    files = tuple(_name(archives, found))
    return Reply(_describe(ctx, found), files=files, people=tuple(sorted(people)))


async def _require_pause(ctx: Context) -> None:
    """Raise UserError if the sender had an export a short while ago, in whatever chat."""
    message = ctx.message
    account = message.chat.platform, message.sender_id
    for other in await ctx.store.job_search.exports_since(ctx.job.created_at - INTERVAL):
        is_own = (other.chat.platform, other.sender_id) == account
        # In a group there were only words on where it comes.
        if is_own and (other.is_private or ctx.platform.is_ephemeral(other)):
            minutes = INTERVAL.seconds // 60
            wait = Plural("once every {count} minute", "once every {count} minutes", minutes)
            raise UserError("You can get an export {wait}.", wait=wait)


async def _private_chat(ctx: Context) -> Chat:
    """Return the private chat of the sender; where there is none, what it would be."""
    if not ctx.message.is_private:
        try:
            return await ctx.platform.private_chat(ctx.message.sender_id)
        except ChatGone:
            # A group is nobody's own, though they ask there.
            return replace(ctx.message.chat, chat_id=ctx.message.sender_id)
    return ctx.message.chat


def _pack(found: Export, sound: ExportSound, max_bytes: int) -> list[bytes]:
    text = {JSON_NAME: b"".join(dump(found))}
    return list(pack(text, sound.files.items(), max_bytes, found.made_at))


def _name(archives: Sequence[bytes], found: Export) -> list[File]:
    stem = f"hearsay-export-{found.made_at.date().isoformat()}"
    names = [f"{stem}{f'-{number}' * (number > 1)}.zip" for number in range(1, len(archives) + 1)]
    return [File(n, "application/zip", data) for n, data in zip(names, archives, strict=True)]


def _describe(ctx: Context, found: Export) -> str:
    texts = [ctx.text("Here is everything that is stored about you, as JSON and sound.")]
    if found.linked_platforms:
        texts.append(ctx.text("Your linked accounts have an export of their own: ask there."))
    if found.left_out:
        count = len(found.left_out)
        left_out = Plural(
            "{count} sound file is left out, because it is too large to send.",
            "{count} sound files are left out, because they are too large to send.",
            count,
        )
        texts.append(ctx.text(left_out))
    return join_texts(texts)


command = Command(
    mark("Get everything that is stored about you, as a file"),
    export,
    is_ephemeral=True,
    history=chat_of,
)
