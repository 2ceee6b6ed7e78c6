"""The button Fix under a transcript, and replies that correct it."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from core.commands import Command
from core.commands.context import TRANSCRIPT_GONE, Context
from core.errors import UserError
from core.glossary.apply import apply, learn, list_changes, undo_changes
from core.glossary.corrections import parse_correction
from core.glossary.fuzzy_match import find_misheard
from core.locale import mark
from core.models import Button, Correction, Job, Reply

HOW_TO = mark(
    "Reply to the transcript with the right word: no, it is Kowalski. Or with both: "
    "Kovalsky = Kowalski. I will correct it and remember it for this chat."
)


async def fix(ctx: Context) -> Reply:
    """Learn a correction and apply it to the transcript. Without one, reply with how to give it."""
    if ctx.message.button:
        job_id, *lines = ctx.message.text.split("\n")
        return await undo(ctx, job_id, lines) if lines else Reply(ctx.text(HOW_TO))
    wanted = parse_correction(ctx.message.text)
    quoted = ctx.message.reply_to
    if wanted is None or quoted is None or not quoted.job_id:
        return Reply(ctx.text(HOW_TO))
    job = await _find_job(ctx, quoted.job_id)
    before = ctx.settings.talk.glossary
    learned = await _complete(ctx, job, wanted)
    after = learn(before, learned)
    await _save(ctx, job, after)
    text = ctx.text("Saved: {heard} → {meant}", heard=learned.heard, meant=learned.meant)
    changes = list_changes(before, after) or (replace(learned, meant=""),)
    lines = [f"{change.heard}\t{change.meant}" for change in changes]
    undo_button = Button(ctx.text("Undo"), "fix", "\n".join([job.job_id, *lines]))
    return Reply(text, buttons=(undo_button,))


async def undo(ctx: Context, job_id: str, lines: list[str]) -> Reply:
    """Take back changes of the glossary. lines: "HEARD<tab>MEANT", with what was meant before."""
    changes = tuple(Correction(*line.split("\t", 1)) for line in lines)
    job = await _find_job(ctx, job_id)
    await _save(ctx, job, undo_changes(ctx.settings.talk.glossary, changes))
    return Reply(ctx.text("Correction undone."))


async def _find_job(ctx: Context, job_id: str) -> Job:
    """Return the job whose reply is the transcript. Raises UserError."""
    job = await ctx.store.jobs.find(job_id)
    if job is None or job.reply is None or job.message.chat != ctx.message.chat:
        raise UserError(TRANSCRIPT_GONE)
    return job


async def _complete(ctx: Context, job: Job, wanted: Correction) -> Correction:
    """Return the correction with the words to replace as they are in the transcript."""
    shown = job.reply.quote if job.reply else ""
    if wanted.heard and apply(shown, (wanted,)) != shown:
        return wanted
    # In a thread: a long recording has many words.
    heard = None if wanted.heard else await asyncio.to_thread(find_misheard, shown, wanted.meant)
    if heard:
        return replace(wanted, heard=heard)
    for known in reversed(ctx.settings.talk.glossary):
        # Learned by an earlier attempt of this job, or given twice.
        if known.meant == wanted.meant and wanted.heard in ("", known.heard):
            return known
    if wanted.heard:
        raise UserError("{heard} is not in this transcript.", heard=wanted.heard)
    raise UserError(
        "Nothing like {meant} is in this transcript. Give both words: Kovalsky = Kowalski",
        meant=wanted.meant,
    )


async def _save(ctx: Context, job: Job, glossary: tuple[Correction, ...]) -> None:
    """Save the chat's glossary, and update the job's reply with it."""
    await ctx.save_settings(talk={"glossary": glossary})
    if job.reply and (transcript := await ctx.store.results.find(job.reply.heard_key)):
        reply = replace_text(job.reply, apply(transcript.text, glossary))
        await ctx.store.jobs.redo(job.job_id, reply)


def replace_text(reply: Reply, text: str) -> Reply:
    """Return the reply with another text of its transcript, also for its Listen button."""
    buttons = (
        replace(button, text=text) if button.text == reply.aloud else button
        for button in reply.buttons
    )
    return replace(reply, quote=text, aloud=text, buttons=tuple(buttons))


command = Command("", fix, is_listed=False)
