"""The button Ask under a transcript."""

from __future__ import annotations

from core.answering.conversation import find_subjects
from core.commands import Command
from core.commands.context import Context
from core.locale import mark
from core.models import RecordingReference, Reply


async def ask_about(ctx: Context) -> Reply:
    """Say how to ask; what the button carries, the transcript's key, goes with the answer."""
    text = ctx.text("Answer this message with your question, written or spoken.")
    return Reply(text, about=await _find_subjects(ctx))


async def _find_subjects(ctx: Context) -> tuple[RecordingReference, ...]:
    """Return the recording whose transcript has the button: it is quoted, or of a recent job."""
    key, quoted = ctx.message.text.strip(), ctx.message.reply_to
    for job in await ctx.store.jobs.history(ctx.message.chat):
        about = find_subjects(job)
        if key and any(subject.heard == key for subject in about):
            return about
    if quoted and quoted.attachment:
        return (RecordingReference(quoted.message_id, quoted.attachment, quoted.sender_id, key),)
    return ()


command = Command(mark("Ask about a recording"), ask_about, is_listed=False)
