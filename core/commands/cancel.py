"""/cancel: stop working on something, at whatever stage it is.

What is to be cancelled is cancelled when the message comes in: its own job would have to wait for
those very jobs. The command only reports it.
"""

from __future__ import annotations

from core.commands import Command, load_command
from core.commands.arguments import Argument, MessageAction, read_word
from core.commands.context import Context
from core.errors import PlatformError, UserError
from core.interfaces import Platform
from core.locale import Plural, mark, translate
from core.models import CANCEL_TOKEN, OPEN_STATES, Job, Message, Reply
from core.permissions import Action, may

CANCELLED = mark("Cancelled.")
ALL = "all"


async def may_cancel_others(platform: Platform, message: Message) -> bool:
    """Return whether the sender of /cancel may cancel what other people have asked for."""
    if not (message.button or message.reply_to or read_word(message.text) == ALL):
        return False  # only their own is meant
    try:
        return await may(platform, message, Action.CANCEL)
    except PlatformError:
        return False


def pick_cancelled(may_others: bool, message: Message, job: Job) -> Reply | None:
    """Return what ends a job that `message` cancels, None if it does not cancel that job."""
    is_own = job.message.sender_id == message.sender_id
    is_allowed = (is_own or may_others) and job.command != "cancel"
    if not (is_allowed and _is_meant(message, job, is_own=is_own)):
        return None
    if load_command(job.command).is_silent:
        return Reply()
    return Reply(translate(CANCELLED, job.message.language))


def _is_meant(message: Message, job: Job, *, is_own: bool) -> bool:
    if message.button:
        return job.job_id == message.text
    if quoted := message.reply_to:
        about = job.message.reply_to
        ids = {job.message.message_id, about.message_id if about else ""}
        return quoted.message_id in ids or quoted.job_id == job.job_id
    return is_own or read_word(message.text) == ALL


async def cancel(ctx: Context) -> Reply:
    """Reply with how much was cancelled. After a button, what was cancelled says so itself."""
    message, cancelled = ctx.message, ctx.message.text.split()
    if message.button:
        job = await ctx.store.jobs.find(message.button.removeprefix(CANCEL_TOKEN))
        is_open = job is not None and job.state in OPEN_STATES
        if is_open and not cancelled:
            raise UserError("Only the person who asked for it, or an admin, can cancel this.")
        return Reply()
    if not cancelled:
        raise UserError("There is nothing to cancel.")
    count = len(cancelled)
    text = Plural("{count} request was cancelled.", "{count} requests were cancelled.", count)
    return Reply(ctx.text(text))


command = Command(
    mark("Cancel what I am working on for you"),
    cancel,
    usage=mark("[all]"),
    arguments=(
        Argument(mark("what"), mark("all: everybody's requests, for admins"), choices=(ALL,)),
    ),
    is_ephemeral=True,
    message_actions=(MessageAction(mark("Cancel"), is_ephemeral=True),),
)
