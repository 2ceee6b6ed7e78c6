"""The button Fix under a transcript, and replies that correct it."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import replace

from core.answering.conversation import find_speaker, find_subjects
from core.commands import Command
from core.commands.context import TRANSCRIPT_GONE, Context
from core.errors import UserError
from core.glossary.apply import apply, apply_to, learn, select_for
from core.glossary.changes import (
    Change,
    dump_changes,
    is_undone,
    list_changes,
    load_changes,
    undo_changes,
)
from core.glossary.corrections import parse_correction
from core.glossary.fuzzy_match import find_misheard
from core.glossary.replacements import find_replacements
from core.glossary.rules import check, find_foreign
from core.locale import mark
from core.models import Button, Correction, Job, Reply, Transcript
from core.permissions import Action, may
from core.safety import disable_links
from core.text.split import shorten_name
from core.transcription.corrected import show_corrections
from core.transcription.edited import edit

HOW_TO = mark(
    "Reply to the transcript with the right word: no, it is Kowalski. Or with both: "
    "Kovalsky = Kowalski. I will correct it and remember it."
)
NOT_YOUR_WORDS = mark(
    "Only the person who speaks in this recording, or an admin, can correct its transcript."
)
NOT_YOUR_CORRECTION = mark("Only the person who made this correction, or an admin, can undo it.")
NOT_STANDING = mark("This correction has been changed or removed since.")
NOT_YOUR_ENTRY = mark(
    "Another person made the correction {correction}. Only they or an admin can change it."
)
ONLY_HERE = mark(
    "Some changes count in this transcript only, such as numbers, addresses and opposites."
)
SAVED = mark("Saved: {heard} → {meant}")
#: In groups, where corrections of admins are for all, and those of others for themselves.
SAVED_FOR_ALL = mark("Saved: {heard} → {meant}, for everybody's recordings.")
SAVED_FOR_OWN = mark("Saved: {heard} → {meant}, for your own recordings.")
REMEMBERED = mark("Remembered for this chat: {corrections}")
REMEMBERED_FOR_OWN = mark("Remembered for your own recordings: {corrections}")

Glossary = tuple[Correction, ...]


async def fix(ctx: Context) -> Reply:
    """Correct a transcript and learn from it. Without a correction, reply with how to give one.

    /fix replaces the text by what follows it: that is how the page sends an edited transcript.
    """
    message, quoted = ctx.message, ctx.message.reply_to
    if message.button:
        version, _, changes = message.text.partition("\n")
        return await undo(ctx, version.split(" "), changes) if version else Reply(ctx.text(HOW_TO))
    text = disable_links(message.text) if message.command else ""
    wanted = None if message.command else parse_correction(message.text)
    if not (text or wanted) or quoted is None or not quoted.job_id:
        return Reply(ctx.text(HOW_TO))
    job = await _find_job(ctx, quoted.job_id)
    return await _correct(ctx, job, wanted) if wanted else await _rewrite(ctx, job, text)


async def _correct(ctx: Context, job: Job, wanted: Correction) -> Reply:
    """Learn a correction and apply it to the transcript."""
    await _require_speaker(ctx, job)
    before = ctx.settings.talk.glossary
    [learned] = await _sign(ctx, await _complete(ctx, job, wanted))
    after = learn(before, learned)
    check(before, after, ctx.message.sender_id)
    former, _ = await _find_former(ctx, job)
    key, transcript = former, await ctx.store.results.find(former)
    if transcript and transcript.edited_from:
        # The glossary does not touch a text that a person wrote.
        key = await _save_edited(ctx, transcript, apply(transcript.text, (learned,)), former)
    await _save(ctx, job, key, after)
    saved = SAVED if ctx.message.is_private else SAVED_FOR_ALL
    saved = SAVED_FOR_OWN if learned.is_own else saved
    text = ctx.text(saved, heard=learned.heard, meant=learned.meant)
    changes = list_changes(before, after) or (Change(None, learned),)
    return _reply(ctx, job, text, (former, changes))


async def _rewrite(ctx: Context, job: Job, text: str) -> Reply:
    """Replace the text of the transcript, and learn the short replacements in it."""
    await _require_speaker(ctx, job)
    former, is_repeated = await _find_former(ctx, job)
    transcript = await ctx.store.results.find(former)
    if transcript is None or job.command != "transcribe":
        raise UserError(TRANSCRIPT_GONE)
    # An earlier attempt may have learned already what the text would then be corrected with.
    shown = transcript if is_repeated else ctx.correct(transcript, find_speaker(job))
    key = await _save_edited(ctx, shown, text, former)
    before = ctx.settings.talk.glossary
    found = await asyncio.to_thread(find_replacements, shown.text, text)
    after, learned = _learn_allowed(before, await _sign(ctx, *found))
    await _save(ctx, job, key, after)
    changes = list_changes(before, after) or tuple(Change(None, one) for one in learned)
    is_all = len(learned) == len(found)
    return _reply(ctx, job, _describe(ctx, learned, is_all=is_all), (former, changes))


def _learn_allowed(before: Glossary, found: Glossary) -> tuple[Glossary, Glossary]:
    """Return the glossary with those of the corrections that may be learned, and these."""
    after, learned = before, []
    for one in found:
        longer = learn(after, one)
        try:
            check(after, longer, one.by)
        except UserError:
            continue
        after = longer
        learned.append(one)
    return after, tuple(learned)


def _describe(ctx: Context, learned: Glossary, *, is_all: bool) -> str:
    lines = [ctx.text("The transcript was changed.")]
    if learned:
        corrections = ctx.text(", ").join(f"{one.heard} → {one.meant}" for one in learned)
        remembered = REMEMBERED_FOR_OWN if learned[0].is_own else REMEMBERED
        lines += [ctx.text(remembered, corrections=corrections)]
    if not is_all:
        lines += [ctx.text(ONLY_HERE)]
    return "\n".join(lines)


async def undo(ctx: Context, version: list[str], changed: str) -> Reply:
    """Take back a correction: its changes of the glossary and of the transcript.

    version: the id of the transcript's job, the key of the transcript before, and the job that
    made the correction. changed: the changes of the glossary.
    """
    job_id, former, by_job = [*version, "", ""][:3]
    try:
        changes = load_changes(changed)
    except ValueError:  # of an earlier version, which did not say what the job had made
        raise UserError(NOT_STANDING) from None
    job = await _find_job(ctx, job_id)
    made = await ctx.store.jobs.find(by_job)
    is_own = made is not None and made.message.sender_id == ctx.message.sender_id
    if not await may(ctx.platform, ctx.message, Action.CORRECT, is_own=is_own):
        raise UserError(NOT_YOUR_CORRECTION)
    shown = job.reply.heard_key if job.reply else ""
    if former and shown not in (former, _edited_key(by_job)):
        raise UserError("The transcript was changed again since. Undo that first.")
    before = (await ctx.store.chats.settings(ctx.message.chat)).talk.glossary
    after = undo_changes(before, changes)
    if former in ("", shown) and after == before and not is_undone(after, changes):
        raise UserError(NOT_STANDING)
    await _require_allowed(ctx, before, after)
    await _save(ctx, job, former or shown, after)
    return Reply(ctx.text("Correction undone."))


async def _sign(ctx: Context, *corrections: Correction) -> Glossary:
    """Return corrections with their maker, and whose recordings they are for.

    In a group those of admins are for everybody's, those of others for their own.
    """
    is_own = not await may(ctx.platform, ctx.message, Action.CORRECT_FOR_ALL)
    who = ctx.message.sender_id, shorten_name(ctx.message.sender_name), is_own
    return tuple(Correction(one.heard, one.meant, *who) for one in corrections)


async def _require_speaker(ctx: Context, job: Job) -> None:
    """Raise UserError unless the sender said what is to be corrected, or is an admin.

    Whoever sends or forwards a recording in a private chat may correct it: nobody else reads it.
    """
    is_own = find_speaker(job) == ctx.message.sender_id != ""
    if not await may(ctx.platform, ctx.message, Action.CORRECT, is_own=is_own):
        raise UserError(NOT_YOUR_WORDS)


async def _require_allowed(ctx: Context, before: Glossary, after: Glossary) -> None:
    """Raise UserError if the sender may not change the chat's glossary like this."""
    check(before, after, ctx.message.sender_id)
    foreign = find_foreign(before, after, ctx.message.sender_id)
    if foreign and not await may(ctx.platform, ctx.message, Action.CHANGE_GLOSSARY):
        pair = f"{foreign.heard} → {foreign.meant}"
        raise UserError(NOT_YOUR_ENTRY, correction=pair)


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
    for known in reversed(select_for(ctx.settings.talk.glossary, find_speaker(job))):
        # Learned by an earlier attempt of this job, or given twice.
        if known.meant == wanted.meant and wanted.heard in ("", known.heard):
            return known
    if wanted.heard:
        raise UserError("{heard} is not in this transcript.", heard=wanted.heard)
    raise UserError(
        "Nothing like {meant} is in this transcript. Give both words: Kovalsky = Kowalski",
        meant=wanted.meant,
    )


def _reply(ctx: Context, job: Job, text: str, undoes: tuple[str, tuple[Change, ...]]) -> Reply:
    """Return the reply to a correction, which is forgotten with the recording.

    undoes: the key of the transcript before, and the changes of the glossary.
    """
    former, changes = undoes
    version = f"{job.job_id} {former} {ctx.job.job_id}"
    undo_button = Button(ctx.text("Undo"), "fix", f"{version}\n{dump_changes(changes)}")
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


async def _save(ctx: Context, job: Job, key: str, glossary: Glossary) -> None:
    """Save the chat's glossary, and show the transcript saved under `key` in the job's reply."""
    await ctx.save_settings(talk={"glossary": glossary})
    transcript = await ctx.store.results.find(key)
    if not (job.reply and transcript):
        return
    shown = apply_to(transcript, glossary, find_speaker(job))
    reply = replace_text(job.reply, shown.text, key)
    reply = show_corrections(reply, shown, job.message.language)
    if not await ctx.store.jobs.redo(job.job_id, reply):
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


command = Command("", fix, is_listed=False)
