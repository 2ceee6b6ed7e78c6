"""The buttons under a failure or a question, and the reply to those that no longer work.

Go is the button under a question: a job that would use much of a budget ends with it, and nothing
was sent to an engine. A press is a job of its own, which runs the same command on the message of
the one before.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from core.answering.conversation import find_subjects
from core.commands import Command
from core.commands.context import Context
from core.errors import ConfirmationNeeded, NoSpeech, UserError
from core.locale import mark, translate
from core.models import FORM_TOKEN, Button, Job, Reply
from core.permissions import Action, may

RETRY = mark("Retry")
#: Under a recording that was taken for silence.
ANYWAY = mark("Transcribe anyway")
#: Under a question, and what its text begins with; the id of the job follows.
LABEL, GO = mark("Go"), "_go_job_"
#: Go works for so long: the next day there is something else left.
_AGE = timedelta(days=1)
EXPIRED = mark("This has expired. Please start again.")
NOT_YOURS = mark("Only the person who asked for it can start this.")
#: Of what an admin has asked for in the name of the group.
NOT_THE_GROUPS = mark("Only the person who asked for it, or an admin, can start this.")


def offer_buttons(job: Job, error: Exception, *, is_given_up: bool) -> tuple[Button, ...]:
    """Return the buttons under the text of the error that a job ends with."""
    language = job.message.language
    if is_given_up:
        return (Button(translate(RETRY, language), "retry", job.job_id),)
    if isinstance(error, NoSpeech) and error.can_insist:
        return (Button(translate(ANYWAY, language), "transcribe", job.job_id),)
    if isinstance(error, ConfirmationNeeded):
        return (Button(translate(LABEL, language), job.command, GO + job.job_id),)
    return ()


async def go_on(ctx: Context) -> Context:
    """Return the context in which the job that was asked about goes on. Raises UserError."""
    earlier = await ctx.store.jobs.find(ctx.message.text.removeprefix(GO))
    is_here = earlier is not None and earlier.message.chat == ctx.message.chat
    if earlier is None or not is_here or ctx.job.created_at - earlier.created_at > _AGE:
        raise UserError(EXPIRED)
    asker_id, message = earlier.message.sender_id, ctx.message
    # Anonymous admins ask in the name of the group, and press in their own: what they have asked
    # for is started by those who may cancel it.
    is_groups = asker_id == message.chat.chat_id and not message.is_private
    action = Action.CANCEL if is_groups else Action.PRESS_PRIVATE
    if not await may(ctx.platform, message, action, is_own=asker_id == message.sender_id):
        raise UserError(NOT_THE_GROUPS if is_groups else NOT_YOURS)
    job = replace(ctx.job, message=earlier.message)
    about = find_subjects(earlier)
    return replace(ctx, job=job, message=earlier.message, asks_first=False, about=about)


async def retry_job(ctx: Context) -> Reply:
    """Run a dead letter again. Its own reply takes the place of the failure, so this is empty."""
    await ctx.store.jobs.retry(ctx.message.text)
    return Reply()


async def refuse(ctx: Context) -> Reply:
    """Raise UserError."""
    if ctx.message.button.startswith(FORM_TOKEN):
        raise UserError(EXPIRED)
    raise UserError("This button has expired. Send the recording again.")


retry = Command("", retry_job, is_listed=False)
stale_button = Command("", refuse, is_listed=False)
