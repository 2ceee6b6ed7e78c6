"""/forget: what was kept of a message, or of a person in this chat, is removed."""

from __future__ import annotations

from core.commands import Command
from core.commands.arguments import Argument, MessageAction, first_word
from core.commands.context import Context
from core.errors import NotAllowed, UserError
from core.locale import mark
from core.models import Message, Reply
from core.store import ForgottenCounts

HELP = mark("Forget a message (as a reply), or all of yours here")
REMOVED = mark(
    "Removed: messages {messages}, answers to them {answers}, transcripts {transcripts}."
)
STAYS = mark(
    "What stands in the chat itself I do not delete. What others wrote of you, and summaries "
    "that were made before, stays until it ends: at most 30 days."
)


async def forget(ctx: Context) -> Reply:
    """Forget what was said, and tell how much it was."""
    message = ctx.message
    if first_word(message.text) == "me":
        receipt = await ctx.store.forgetting.forget_person(message.chat, message.sender_id)
        return _tell(ctx, receipt)
    quoted = message.reply_to
    if quoted is None:
        raise UserError("Answer a message with /forget, or say /forget me for all of yours here.")
    message_id, authors = quoted.message_id, {quoted.sender_id}
    if quoted.job_id:
        # Our answer goes with the message that asked for it.
        job = await ctx.store.jobs.find(quoted.job_id)
        if job is None:
            return _tell(ctx, ForgottenCounts())
        message_id, authors = job.message.message_id, _authors(job.message)
    is_own = message.is_private or message.sender_id in authors - {""}
    if not is_own and not await ctx.platform.is_admin(message):
        raise NotAllowed
    forgetting = ctx.store.forgetting
    receipt = await forgetting.forget_message(message.chat, message_id, quoted.job_id)
    return _tell(ctx, receipt)


def _authors(asked: Message) -> set[str]:
    """Return whose an answer is: who asked for it, and whose recording it tells of."""
    quoted = asked.reply_to
    speakers = {quoted.sender_id} if quoted and quoted.attachment else set()
    return {asked.sender_id} | speakers


def _tell(ctx: Context, receipt: ForgottenCounts) -> Reply:
    counts = ctx.text(
        REMOVED,
        messages=receipt.messages,
        answers=receipt.answers,
        transcripts=receipt.transcripts,
    )
    return Reply(f"{counts}\n{ctx.text(STAYS)}")


command = Command(
    HELP,
    forget,
    usage="me",
    arguments=(Argument("whose", mark("me = all that is yours here"), choices=("me",)),),
    is_ephemeral=True,
    message_actions=(MessageAction(mark("Forget this"), is_ephemeral=True),),
)
