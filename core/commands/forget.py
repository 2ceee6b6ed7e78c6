"""/forget: delete what is stored about a message, or about the sender in this chat."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from core.commands import Command
from core.commands.arguments import Argument, MessageAction, split_word
from core.commands.context import Context
from core.commands.deletion import pick_deleted, pick_persons
from core.errors import UserError
from core.locale import Plural, list_counts, mark
from core.models import OPEN_STATES, Job, Message, Reply
from core.permissions import Action, require
from core.store import ForgottenCounts

DELETED = mark("Deleted: {counts}.")
KEPT = mark(
    "Messages in the chat itself are not deleted. What others wrote about you, and existing "
    "summaries, are kept until they expire, at most 30 days."
)

#: How long /forget waits for the end of jobs that it has cancelled, and how often it looks.
_END_S, _LOOK_S = 10.0, 0.1


async def forget(ctx: Context) -> Reply:
    """Cancel what is under way, delete the data, and reply with the counts."""
    message = ctx.message
    if split_word(message.text)[0] == "me":
        await _stop(ctx, partial(pick_persons, message.sender_id))
        receipt = await ctx.store.forgetting.forget_person(message.chat, message.sender_id)
        return _report(ctx, receipt)
    quoted = message.reply_to
    if quoted is None:
        raise UserError("Reply to a message with /forget, or delete all your data here: /forget me")
    message_id, authors = quoted.message_id, {quoted.sender_id}
    if quoted.job_id:
        # The bot's reply is deleted with the message that asked for it.
        job = await ctx.store.jobs.find(quoted.job_id)
        if job is None:
            return _report(ctx, ForgottenCounts())
        message_id, authors = job.message.message_id, _find_authors(job.message)
    is_own = message.sender_id in authors - {""}
    await require(ctx.platform, message, Action.FORGET_MESSAGE, is_own=is_own)
    await _stop(ctx, partial(pick_deleted, message_id, job_id=quoted.job_id))
    forgetting = ctx.store.forgetting
    receipt = await forgetting.forget_message(message.chat, message_id, quoted.job_id)
    return _report(ctx, receipt)


async def _stop(ctx: Context, choose: Callable[[Job], Reply | None]) -> None:
    """Cancel jobs under way, and wait until they have ended: then nothing of them is left."""
    # What came in later asks for something new. Besides, it waits for the end of this job.
    cancel = ctx.store.cancellation.cancel
    cancelled = await cancel(ctx.message.chat, choose, before=ctx.job.job_id)
    end_s = ctx.clock.monotonic() + _END_S
    while cancelled and ctx.clock.monotonic() < end_s:
        await ctx.clock.sleep(_LOOK_S)
        found = [await ctx.store.jobs.find(job.job_id) for job in cancelled]
        cancelled = [job for job in found if job and job.state in OPEN_STATES]


def _find_authors(asked: Message) -> set[str]:
    """Return whose a reply is: the person who asked, and the speaker of the quoted recording."""
    quoted = asked.reply_to
    return {asked.sender_id} | ({quoted.sender_id} if quoted and quoted.attachment else set())


def _report(ctx: Context, receipt: ForgottenCounts) -> Reply:
    if receipt == ForgottenCounts():
        return Reply(ctx.text("Nothing was stored."))
    counts = (
        Plural("{count} message", "{count} messages", receipt.messages),
        Plural("{count} reply", "{count} replies", receipt.answers),
        Plural("{count} transcript", "{count} transcripts", receipt.transcripts),
    )
    deleted = ctx.text(DELETED, counts=list_counts(counts, ctx.message.language))
    return Reply(f"{deleted}\n{ctx.text(KEPT)}")


command = Command(
    mark("Delete what is stored about a message (reply to it) or about you (me)"),
    forget,
    usage=mark("me"),
    arguments=(
        Argument(mark("whose"), mark("me = all of your data in this chat"), choices=("me",)),
    ),
    is_ephemeral=True,
    action=lambda text: Action.FORGET_OWN_DATA if split_word(text)[0] == "me" else Action.USE,
    message_actions=(MessageAction(mark("Forget this"), is_ephemeral=True),),
)
