"""/remember: whether the talk of a group is kept, for how long, and who is left out."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

from core.commands import Command
from core.commands.arguments import Argument, first_word, offer
from core.commands.context import Context
from core.errors import UserError
from core.locale import mark
from core.models import Reply

HELP = mark("Keep this group's talk for summaries and /find: on, off or days (admins)")
USAGE = mark("Say /remember on, /remember off, /remember 30d, /remember me off or /remember me on.")
DEFAULT_DAYS, MAX_DAYS = 7, 365
HOLDS = mark(
    "I remember what is written and said in this chat for {days} days, encrypted, so that "
    "/summary and /find can tell of it. Admins end that with /remember off. /remember me off "
    "leaves you out, here and everywhere; /forget me deletes what is here of you."
)


async def remember(ctx: Context) -> Reply:
    """Do what was said, or show what holds."""
    words = ctx.message.text.lower().split()
    if words[:1] == ["me"]:
        return await leave_out(ctx, words[1:])
    if ctx.message.is_private:
        return await show(ctx)
    if not words:
        return await show(ctx)
    if first_word(ctx.message.text) == "off":
        return await stop(ctx)
    return await begin(ctx, read_days(words[0]))


def read_days(word: str) -> int:
    """Return how long "on", "30d" or "30" means. Raises UserError."""
    if word == "on":
        return DEFAULT_DAYS
    found = re.fullmatch(r"(\d{1,4})(?:d|days?|天)?", word)
    if not found:
        raise UserError(USAGE)
    days = int(found[1])
    if not 1 <= days <= MAX_DAYS:
        raise UserError("I can remember for 1 to {days} days.", days=MAX_DAYS)
    return days


async def begin(ctx: Context, days: int) -> Reply:
    """Remember from now on; the answer in the chat is the announcement."""
    await ctx.require_admin()
    await _save(ctx, days)
    oldest = ctx.job.created_at - timedelta(days=days)
    await ctx.store.memory.forget_chat(ctx.message.chat, before=oldest)
    return Reply(ctx.text(HOLDS, days=days))


async def stop(ctx: Context) -> Reply:
    """Remember no longer, and delete what was kept."""
    await ctx.require_admin()
    await _save(ctx, None)
    count = await ctx.store.memory.forget_chat(ctx.message.chat)
    text = ctx.text(
        "I remember nothing of this chat any more. Deleted messages: {count}.", count=count
    )
    return Reply(text)


async def _save(ctx: Context, days: int | None) -> None:
    talk = replace(ctx.settings.talk, remember_days=days)
    await ctx.store.chats.save_settings(ctx.message.chat, replace(ctx.settings, talk=talk))


async def show(ctx: Context) -> Reply:
    """Say what holds here, and for the person who asks."""
    message, days = ctx.message, ctx.settings.talk.remember_days
    if message.is_private:
        text = ctx.text(
            "Here I keep only what you forward to me, for one day. /summary sums it up."
        )
    elif days:
        count = await ctx.store.memory.count(message.chat)
        kept = ctx.text("Messages kept now: {count}.", count=count)
        text = f"{ctx.text(HOLDS, days=days)}\n{kept}"
    else:
        text = ctx.text("I remember nothing of this chat. Admins change that with /remember on.")
    if await ctx.store.memory.is_opted_out(message.chat.platform, message.sender_id):
        text += "\n" + ctx.text("Of you I remember nothing, here and everywhere.")
    return Reply(text)


async def leave_out(ctx: Context, words: list[str]) -> Reply:
    """Note that the sender wants to be left out, everywhere on this platform, or no longer."""
    message, memory = ctx.message, ctx.store.memory
    if words not in (["on"], ["off"]):
        raise UserError(USAGE)
    is_out = words == ["off"]
    await memory.opt_out(message.chat.platform, message.sender_id, is_out)
    if not is_out:
        return Reply(ctx.text("I remember you again where a chat wants to be remembered."))
    count = await memory.forget_person(message.chat, message.sender_id, is_everywhere=True)
    said = ctx.text(
        "I remember nothing of you any more, in no chat, and in groups nobody else may have your "
        "voice notes written down. Deleted messages: {count}. /remember me on takes it back.",
        count=count,
    )
    return Reply(said)


command = Command(
    HELP,
    remember,
    usage="on | off | 30d | me off",
    arguments=(
        Argument(
            "choice",
            mark("Whether, for how many days, or not what you say"),
            suggest=offer("on", "off", "30d", "me off", "me on"),
        ),
    ),
)
