"""/remember: the history of a group, how long it is kept, and opting out of it."""

from __future__ import annotations

import re
from datetime import timedelta

from core.commands import Command
from core.commands.arguments import Argument, offer, read_word, split_word
from core.commands.context import OPTED_OUT, Context
from core.commands.deletion import describe_counts, forget_everywhere
from core.errors import UserError
from core.locale import Plural, mark
from core.models import Reply
from core.permissions import Action
from core.privacy.periods import LONGEST_HISTORY
from core.text.scripts import join_texts

USAGE = mark("Usage: /remember on | off | 30d | me off | me on")
DEFAULT_DAYS, MAX_DAYS = 7, LONGEST_HISTORY.days
HISTORY_ON = mark(
    "Messages and voice messages here are stored for {days}, encrypted, for /summary and /find, "
    "and replies to requests about them for 30 days. Admins can turn this off with /remember off. "
    "/remember me off opts you out in all chats; /forget me deletes your data here."
)
#: What was made from the history belongs to the request, and to whoever has made it.
REPLIES_KEPT = mark(
    "Replies that were made from it, such as those to /find, are kept for 30 days, as all requests "
    "are. /forget deletes them."
)
PRIVATE = mark(
    "Texts that you forward here are kept for one day, for /summary. Requests and their replies "
    "are kept for 30 days; a recording is a request, too. /privacy says more."
)
OUT_OF_RANGE = mark("Chat history can be kept for at least one day and at most {days}.")
HISTORY_OFF = mark("Chat history is off. An admin can turn it on with /remember on.")


async def remember(ctx: Context) -> Reply:
    """Change the setting of the chat or of the sender, or show both."""
    words = [read_word(word) for word in ctx.message.text.split()]
    if words[:1] == ["me"]:
        return await set_opt_out(ctx, words[1:])
    if ctx.message.is_private or not words:
        return await show(ctx)
    if words[0] == "off":
        return await turn_off(ctx)
    return await turn_on(ctx, read_days(words[0]))


def read_days(word: str) -> int:
    """Return the number of days in "on", "30d" or "30". Raises UserError."""
    if word == "on":
        return DEFAULT_DAYS
    match = re.fullmatch(r"(\d{1,4})(?:d|days?|天|дн?|дней|дня|день)?", word)
    if not match:
        raise UserError(USAGE)
    days = int(match[1])
    if not 1 <= days <= MAX_DAYS:
        raise UserError(OUT_OF_RANGE, days=_count_days(MAX_DAYS))
    return days


async def turn_on(ctx: Context, days: int) -> Reply:
    """Keep a history from now on. The reply is the announcement to the chat."""
    talk = ctx.settings.talk
    is_on, since_at = talk.remember_days, talk.remembered_since_at
    since_at = since_at if is_on else ctx.job.created_at
    await ctx.save_settings(talk={"remember_days": days, "remembered_since_at": since_at})
    oldest = ctx.job.created_at - timedelta(days=days)
    await ctx.store.memory.forget_chat(ctx.message.chat, before=oldest)
    return Reply(await describe(ctx, days))


async def describe(ctx: Context, days: int) -> str:
    """Return what is stored from now on, and what keeps the bot from seeing it, if anything."""
    text = ctx.text(HISTORY_ON, days=_count_days(days))
    blindness = await ctx.platform.explain_blindness(ctx.message)
    return f"{text}\n\n{ctx.text(blindness)}" if blindness else text


def _count_days(days: int) -> Plural:
    return Plural("{count} day", "{count} days", days)


async def turn_off(ctx: Context) -> Reply:
    """Keep no history any more, and delete what there is."""
    await ctx.save_settings(talk={"remember_days": None, "remembered_since_at": None})
    count = await ctx.store.memory.forget_chat(ctx.message.chat)
    texts = [ctx.text("Chat history is off now."), ctx.describe_deleted(count)]
    if ctx.settings.talk.remember_days:
        texts.append(ctx.text(REPLIES_KEPT))
    return Reply(join_texts(texts))


async def show(ctx: Context) -> Reply:
    """Reply with the setting of the chat, and whether the sender has opted out."""
    message, days = ctx.message, ctx.settings.talk.remember_days
    if message.is_private:
        text = ctx.text(PRIVATE)
    elif days:
        count = await ctx.store.memory.count(message.chat)
        stored = Plural("{count} message is stored.", "{count} messages are stored.", count)
        text = f"{await describe(ctx, days)}\n{ctx.text(stored)}"
    else:
        text = ctx.text(HISTORY_OFF)
    if await ctx.store.memory.is_opted_out(message.chat.platform, message.sender_id):
        text += "\n" + ctx.text(OPTED_OUT)
    return Reply(text)


async def set_opt_out(ctx: Context, words: list[str]) -> Reply:
    """Opt the sender out everywhere on this platform, or in again."""
    message, memory = ctx.message, ctx.store.memory
    if words not in (["on"], ["off"]):
        raise UserError(USAGE)
    is_out = words == ["off"]
    await memory.opt_out(message.chat.platform, message.sender_id, is_out)
    if not is_out:
        return Reply(ctx.text("You have opted in again, in chats that keep a history."))
    counts = await forget_everywhere(ctx, keeps_account=True)
    text = ctx.text(
        "You have opted out: nothing that you say in chats is stored, and nobody else can have it "
        "transcribed, translated or read aloud. What you ask me yourself is kept as /privacy says. "
        "/remember me on undoes this."
    )
    return Reply(join_texts([text, describe_counts(ctx, counts)]))


def _read_action(text: str) -> Action:
    word, _ = split_word(text)
    if word == "me":
        return Action.CHANGE_OWN_SETTINGS
    return Action.CHANGE_HISTORY if word else Action.USE


command = Command(
    mark("Keep chat history for summaries and /find: on, off or days (admins)"),
    remember,
    usage=mark("on | off | 30d | me off"),
    asks_privately=lambda text: split_word(text)[0] == "me",
    action=_read_action,
    arguments=(
        Argument(
            mark("choice"),
            mark("On, off, or how many days; me off opts you out"),
            suggest=offer(mark("on"), mark("off"), mark("30d"), mark("me off"), mark("me on")),
        ),
    ),
)
