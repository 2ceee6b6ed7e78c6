"""/forget: delete what is stored about a message, about the sender, or about the whole chat."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from core.commands import Command
from core.commands.arguments import Argument, MessageAction, read_word, split_word
from core.commands.context import Context
from core.commands.deletion import (
    describe_counts,
    forget_after,
    forget_everywhere,
    pick_all,
    pick_deleted,
    pick_persons,
)
from core.errors import UserError
from core.locale import mark
from core.models import Button, Message, Reply
from core.permissions import Action, require
from core.store import ForgottenCounts
from core.store.talk.forgotten import parent_of

USAGE = mark(
    "Reply to a message with /forget, or delete all your data here: /forget me. In all chats: "
    "/forget me everywhere. The whole chat (admins): /forget chat"
)
KEPT = mark(
    "Messages in the chat itself are not deleted. What others wrote about you is kept until it "
    "expires: requests after 30 days, a history after the days that were announced. Also kept: "
    "this receipt, and message numbers, so that no message is processed twice (30 days); how much "
    "you have used, without your id (62 days); a budget of your own, and what the operator has "
    "decided or done about you (see /privacy)."
)
ELSEWHERE = mark(
    "Your voice, style, language and links are for all your chats. They stay, as does what is in "
    "other chats: /forget me everywhere deletes that, too."
)
OPTED_OUT = mark("That you have opted out is kept, so that it stays in force.")
CONFIRM = mark(
    "This deletes everything that is stored about this chat, for everybody: messages, transcripts, "
    "replies, voices, corrections, digests and settings. It cannot be undone."
)
RESET = mark("This chat now has the settings of a new one: no history is kept.")
EXPIRED = mark("This button has expired. Send /forget chat again.")

#: How long the whole chat can be deleted by the button.
_CONFIRM_AGE = timedelta(minutes=10)
_CONFIRMED = "now"


async def forget(ctx: Context) -> Reply:
    """Delete what the words name, or the message that this replies to."""
    word, rest = split_word(ctx.message.text)
    if word == "chat":
        is_confirmed = ctx.message.button and rest == _CONFIRMED
        return await (forget_chat if is_confirmed else ask_to_confirm)(ctx)
    if word == "me" and rest:
        if read_word(rest) != "everywhere":
            raise UserError(USAGE)
        return await forget_all_mine(ctx)
    if word == "me":
        return await forget_mine(ctx)
    return await forget_quoted(ctx)


async def forget_mine(ctx: Context) -> Reply:
    """Delete what is the sender's in this chat."""
    message = ctx.message
    chat, person_id = message.chat, message.sender_id
    choose = partial(pick_persons, {(chat.platform, person_id)})
    forget_person = ctx.store.forgetting.forget_person
    delete = partial(forget_person, chat, person_id, is_private=message.is_private)
    counts = await forget_after(ctx, choose, delete, chat)
    return _report(ctx, counts, ELSEWHERE, KEPT)


async def forget_all_mine(ctx: Context) -> Reply:
    """Delete what is the sender's in all chats, for all their accounts."""
    message = ctx.message
    counts = await forget_everywhere(ctx, keeps_account=False)
    is_out = await ctx.store.memory.is_opted_out(message.chat.platform, message.sender_id)
    return _report(ctx, counts, KEPT, OPTED_OUT if is_out else "")


async def ask_to_confirm(ctx: Context) -> Reply:
    """Reply with the button that deletes the whole chat. Only admins get here."""
    button = Button(ctx.text("Delete everything"), "forget", f"chat {_CONFIRMED}")
    return Reply(ctx.text(CONFIRM), buttons=(button,))


async def forget_chat(ctx: Context) -> Reply:
    """Delete the whole chat, once: the button goes with it. Only admins get here."""
    chat = ctx.message.chat
    asked = await ctx.store.jobs.find(parent_of(ctx.message))
    if asked is None or ctx.job.created_at - asked.created_at > _CONFIRM_AGE:
        raise UserError(EXPIRED)
    delete = partial(ctx.store.forgetting.forget_chat, chat)
    return _report(ctx, await forget_after(ctx, pick_all, delete, chat), KEPT, RESET)


async def forget_quoted(ctx: Context) -> Reply:
    """Delete the message that this one replies to."""
    message, quoted = ctx.message, ctx.message.reply_to
    if quoted is None:
        raise UserError(USAGE)
    message_id, authors = quoted.message_id, quoted.author_ids
    if quoted.job_id:
        # The bot's reply is deleted with the message that asked for it.
        job = await ctx.store.jobs.find(quoted.job_id)
        if job is None:
            return _report(ctx, ForgottenCounts(), KEPT)
        message_id, authors = job.message.message_id, _find_authors(job.message)
    is_own = message.sender_id in authors
    await require(ctx.platform, message, Action.FORGET_MESSAGE, is_own=is_own)
    choose = partial(pick_deleted, message_id, job_id=quoted.job_id)
    forget_message = ctx.store.forgetting.forget_message
    delete = partial(forget_message, message.chat, message_id, quoted.job_id)
    return _report(ctx, await forget_after(ctx, choose, delete, message.chat), KEPT)


def _find_authors(asked: Message) -> frozenset[str]:
    """Return whose a reply is: of those who asked, and who speak in the quoted recording."""
    quoted = asked.reply_to
    return asked.author_ids | (quoted.author_ids if quoted and quoted.attachment else frozenset())


def _report(ctx: Context, counts: ForgottenCounts, *stays: str) -> Reply:
    deleted = describe_counts(ctx, counts)
    if not deleted:
        return Reply(ctx.text("Nothing was stored."))
    return Reply("\n".join([deleted, *(ctx.text(one) for one in stays if one)]))


def _read_action(text: str) -> Action:
    actions = {"me": Action.FORGET_OWN_DATA, "chat": Action.FORGET_CHAT}
    return actions.get(split_word(text)[0], Action.USE)


command = Command(
    mark("Delete what is stored about a message (reply to it), about you (me) or this chat"),
    forget,
    usage=mark("me [everywhere] | chat"),
    arguments=(
        Argument(
            mark("whose"),
            mark("me = your data in this chat, or everywhere; chat = everybody's here (admins)"),
            choices=("me", "me everywhere", "chat"),
        ),
    ),
    is_ephemeral=True,
    action=_read_action,
    message_actions=(MessageAction(mark("Forget this"), is_ephemeral=True),),
)
