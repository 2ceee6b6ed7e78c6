"""The button Fix under a transcript, and replies that correct it."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import replace
from functools import reduce

from core.answering.conversation import find_subjects
from core.commands import Command
from core.commands.context import TRANSCRIPT_GONE, Context
from core.errors import UserError
from core.glossary.apply import apply, apply_to, learn, list_changes, undo_changes
from core.glossary.corrections import parse_correction
from core.glossary.fuzzy_match import find_misheard
from core.glossary.replacements import find_replacements
from core.locale import mark
from core.models import Button, Correction, Job, Reply, Transcript
from core.permissions import Action, require
from core.safety import disable_links
from core.transcription.edited import edit

HOW_TO = mark(
    "Reply to the transcript with the right word: no, it is Kowalski. Or with both: "
    "Kovalsky = Kowalski. I will correct it and remember it for this chat."
)


async def fix(ctx: Context) -> Reply:
    """Correct a transcript and learn from it. Without a correction, reply with how to give one.

    /fix replaces the text by what follows it: that is how the page sends an edited transcript.
    """
    message, quoted = ctx.message, ctx.message.reply_to
    if message.button:
        version, *lines = message.text.split("\n")
        return await undo(ctx, version.split(" "), lines) if version else Reply(ctx.text(HOW_TO))
    text = disable_links(message.text) if message.command else ""
    wanted = None if message.command else parse_correction(message.text)
    if not (text or wanted) or quoted is None or not quoted.job_id:
        return Reply(ctx.text(HOW_TO))
    job = await _find_job(ctx, quoted.job_id)
    return await _correct(ctx, job, wanted) if wanted else await _rewrite(ctx, job, text)


async def _correct(ctx: Context, job: Job, wanted: Correction) -> Reply:
    """Learn a correction and apply it to the transcript."""
    before = ctx.settings.talk.glossary
    learned = replace(await _complete(ctx, job, wanted), by=ctx.message.sender_id)
    after = learn(before, learned)
    former, _ = await _find_former(ctx, job)
    key, transcript = former, await ctx.store.results.find(former)
    if transcript and transcript.edited_from:
        # The glossary does not touch a text that a person wrote.
        key = await _save_edited(ctx, transcript, apply(transcript.text, (learned,)), former)
    await _save(ctx, job, key, after)
    text = ctx.text("Saved: {heard} → {meant}", heard=learned.heard, meant=learned.meant)
    changes = list_changes(before, after) or (replace(learned, meant=""),)
    return _reply(ctx, job, text, (former, changes))


async def _rewrite(ctx: Context, job: Job, text: str) -> Reply:
    """Replace the text of the transcript, and learn the short replacements in it."""
    message, subjects = ctx.message, find_subjects(job)
    speakers = {one.sender_id for one in subjects} - {""}
    await require(ctx.platform, message, Action.REWRITE, is_own=message.sender_id in speakers)
    former, is_repeated = await _find_former(ctx, job)
    transcript = await ctx.store.results.find(former)
    if transcript is None or job.command != "transcribe":
        raise UserError(TRANSCRIPT_GONE)
    # An earlier attempt may have learned already what the text would then be corrected with.
    shown = transcript if is_repeated else ctx.correct(transcript)
    key = await _save_edited(ctx, shown, text, former)
    before = ctx.settings.talk.glossary
    found = await asyncio.to_thread(find_replacements, shown.text, text)
    learned = tuple(replace(one, by=message.sender_id) for one in found)
    after = reduce(learn, learned, before)
    await _save(ctx, job, key, after)
    changes = list_changes(before, after) or tuple(replace(one, meant="") for one in learned)
    return _reply(ctx, job, _describe(ctx, learned), (former, changes))


def _describe(ctx: Context, learned: tuple[Correction, ...]) -> str:
    text = ctx.text("The transcript was changed.")
    if not learned:
        return text
    corrections = ", ".join(f"{one.heard} → {one.meant}" for one in learned)
    note = ctx.text("Remembered for this chat: {corrections}", corrections=corrections)
    return f"{text}\n{note}"


async def undo(ctx: Context, version: list[str], lines: list[str]) -> Reply:
    """Take back a correction: its changes of the glossary and of the transcript.

    version: the id of the transcript's job, the key of the transcript before, and the job that
    made the correction. lines: "HEARD<tab>MEANT", with what was meant before.
    """
    job_id, former, by_job = [*version, "", ""][:3]
    by = ctx.message.sender_id
    pairs = (line.split("\t", 1) for line in lines)
    changes = tuple(Correction(heard, meant, by) for heard, meant in pairs)
    job = await _find_job(ctx, job_id)
    shown = job.reply.heard_key if job.reply else ""
    if former and shown not in (former, _edited_key(by_job)):
        raise UserError("The transcript was changed again since. Undo that first.")
    glossary = undo_changes(ctx.settings.talk.glossary, changes)
    await _save(ctx, job, former or shown, glossary)
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


def _reply(ctx: Context, job: Job, text: str, before: tuple[str, tuple[Correction, ...]]) -> Reply:
    """Return the reply to a correction, which is forgotten with the recording.

    before: the key of the transcript, and the corrections as they were.
    """
    former, changes = before
    version = f"{job.job_id} {former} {ctx.job.job_id}"
    lines = [version, *(f"{change.heard}\t{change.meant}" for change in changes)]
    undo_button = Button(ctx.text("Undo"), "fix", "\n".join(lines))
    return Reply(text, buttons=(undo_button,), about=find_subjects(job))


def _edited_key(job_id: str) -> str:
    """Return the key of the transcript that the job of an edit makes."""
    return hashlib.sha256(f"{job_id}|edited".encode()).hexdigest()


async def _find_former(ctx: Context, job: Job) -> tuple[str, bool]:
    """Return the key of the transcript before this edit, and whether this is a later attempt."""
    if made := await ctx.store.results.find(_edited_key(ctx.job.job_id)):
        return made.edited_from, True
    return job.reply.heard_key if job.reply else "", False


async def _save_edited(ctx: Context, transcript: Transcript, text: str, former: str) -> str:
    """Save `transcript` with another text, and return the key."""
    key, results = _edited_key(ctx.job.job_id), ctx.store.results
    edited = await asyncio.to_thread(edit, transcript, text, former)
    await results.save(key, edited, whole=await results.find_whole(former))
    return key


async def _save(ctx: Context, job: Job, key: str, glossary: tuple[Correction, ...]) -> None:
    """Save the chat's glossary, and show the transcript saved under `key` in the job's reply."""
    await ctx.save_settings(talk={"glossary": glossary})
    transcript = await ctx.store.results.find(key)
    if not (job.reply and transcript):
        return
    shown = apply_to(transcript, glossary)
    if not await ctx.store.jobs.redo(job.job_id, replace_text(job.reply, shown.text, key)):
        raise UserError(TRANSCRIPT_GONE)
    for recording in find_subjects(job)[:1]:
        save = ctx.store.memory.save_transcript
        await save(ctx.message.chat, recording.message_id, transcript, key)


def replace_text(reply: Reply, text: str, key: str) -> Reply:
    """Return the reply with another transcript and its key, also for its buttons."""
    is_read = reply.aloud == reply.quote
    buttons = (
        replace(button, text=text)
        if is_read and button.text == reply.aloud
        else replace(button, text=button.text.replace(reply.heard_key, key))
        for button in reply.buttons
    )
    return replace(
        reply,
        quote=text,
        aloud=text if is_read else reply.aloud,
        buttons=tuple(buttons),
        heard_key=key,
        about=tuple(replace(recording, heard=key) for recording in reply.about),
    )


command = Command("", fix, is_listed=False, action=lambda text: Action.CORRECT)
