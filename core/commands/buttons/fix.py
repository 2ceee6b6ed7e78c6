"""The button Fix under a transcript, and a reply that corrects it."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from core.commands import Command
from core.commands.context import Context
from core.errors import UserError
from core.glossary import apply, find_misheard, learn, list_changes, parse_correction, undo_changes
from core.locale import mark
from core.models import Button, Correction, Job, Reply

HOW = mark(
    "Answer the transcript with the right word: no, it is Kowalski. Or with both: "
    "Kovalsky = Kowalski. I mend it and remember it for this chat."
)
GONE = mark("I no longer have this transcript. Send the recording again.")


async def fix(ctx: Context) -> Reply:
    """Learn a correction and mend the transcript that it is of; pressed, say how that is done."""
    if ctx.message.button:
        job_id, *lines = ctx.message.text.split("\n")
        return await undo(ctx, job_id, lines) if lines else Reply(ctx.text(HOW))
    wanted = parse_correction(ctx.message.text)
    quoted = ctx.message.reply_to
    if wanted is None or quoted is None or not quoted.job_id:
        return Reply(ctx.text(HOW))
    job = await _find(ctx, quoted.job_id)
    known = ctx.settings.talk.glossary
    learned = await _complete(ctx, job, wanted)
    after = learn(known, learned)
    await _save(ctx, job, after)
    text = ctx.text("{heard} → {meant}, from now on.", heard=learned.heard, meant=learned.meant)
    changes = list_changes(known, after) or (replace(learned, meant=""),)
    lines = [f"{change.heard}\t{change.meant}" for change in changes]
    undo_it = Button(ctx.text("Undo"), "fix", "\n".join([job.job_id, *lines]))
    return Reply(text, buttons=(undo_it,))


async def undo(ctx: Context, job_id: str, lines: list[str]) -> Reply:
    """Take a correction back: what was meant before is meant again."""
    changes = tuple(Correction(*line.split("\t", 1)) for line in lines)
    job = await _find(ctx, job_id)
    await _save(ctx, job, undo_changes(ctx.settings.talk.glossary, changes))
    return Reply(ctx.text("Taken back."))


async def _find(ctx: Context, job_id: str) -> Job:
    job = await ctx.store.jobs.find(job_id)
    if job is None or job.reply is None or job.message.chat != ctx.message.chat:
        raise UserError(GONE)
    return job


async def _complete(ctx: Context, job: Job, wanted: Correction) -> Correction:
    """Return the correction with the words that were heard, as they stand in the transcript."""
    shown = job.reply.quote if job.reply else ""
    if wanted.heard and apply(shown, (wanted,)) != shown:
        return wanted
    # A thread: a long recording has many words.
    heard = None if wanted.heard else await asyncio.to_thread(find_misheard, shown, wanted.meant)
    if heard:
        return replace(wanted, heard=heard)
    for known in reversed(ctx.settings.talk.glossary):
        # Learned by an earlier try of this very job, or asked for twice.
        if known.meant == wanted.meant and wanted.heard in ("", known.heard):
            return known
    if wanted.heard:
        raise UserError("{heard} does not stand in this transcript.", heard=wanted.heard)
    raise UserError(
        "I find nothing like {meant} in it. Say both: Kovalsky = Kowalski", meant=wanted.meant
    )


async def _save(ctx: Context, job: Job, known: tuple[Correction, ...]) -> None:
    """Keep the chat's corrections, and let the transcript be shown with them."""
    settings = await ctx.store.chats.settings(ctx.message.chat)
    changed = replace(settings, talk=replace(settings.talk, glossary=known))
    await ctx.store.chats.save_settings(ctx.message.chat, changed)
    if job.reply and (heard := await ctx.store.results.find(job.reply.heard_key)):
        text = apply(heard.text, known)
        await ctx.store.jobs.redo(job.job_id, correct(job.reply, text))


def correct(reply: Reply, text: str) -> Reply:
    """Return the reply with another text of its transcript, also where it is said aloud."""
    buttons = (
        replace(button, text=text) if button.text == reply.aloud else button
        for button in reply.buttons
    )
    return replace(reply, quote=text, aloud=text, buttons=tuple(buttons))


command = Command(mark("Correct a transcript"), fix, is_listed=False)
