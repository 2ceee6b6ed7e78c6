"""The buttons under a transcript: Listen, Ask, Summary, and files. Each carries its key."""

from __future__ import annotations

import asyncio

from core.answering.conversation import find_subjects
from core.commands import SPEECH, SUMMARY, Command
from core.commands.context import TRANSCRIPT_GONE, Context
from core.errors import UserError
from core.models import File, RecordingReference, Reply
from core.summaries.format import format_recording
from core.synthesis.refusals import MAX_CHARS
from core.text.split import shorten
from core.transcription.subtitles import FORMATS


async def read_out(ctx: Context) -> Reply:
    """Reply with the button's text as a voice message, cut to what is synthesized at once."""
    text = shorten(ctx.message.text, MAX_CHARS)
    result = await ctx.synthesize(text, on_progress=ctx.on_progress)
    return Reply(files=(result.file,))


async def prompt_for_question(ctx: Context) -> Reply:
    """Reply with how to ask. What replies to this is a question about the recording."""
    text = ctx.text("Reply to this message with your question, by text or voice.")
    return Reply(text, about=await _find_recordings(ctx, ctx.message.text.strip()))


async def _find_recordings(ctx: Context, key: str) -> tuple[RecordingReference, ...]:
    """Return the recording of the transcript `key`: that of a recent job, or the quoted one."""
    for job in await ctx.store.jobs.history(ctx.message.chat):
        recordings = find_subjects(job)
        if key and any(recording.heard == key for recording in recordings):
            return recordings
    quoted = ctx.message.reply_to
    if quoted and quoted.attachment:
        authors = quoted.sender_id, key, quoted.origin_id, quoted.is_forwarded
        return (RecordingReference(quoted.message_id, quoted.attachment, *authors),)
    return ()


async def summarize(ctx: Context) -> Reply:
    """Reply with the main points of the recording."""
    transcript = await ctx.stored_transcript(ctx.message.text)
    summary = await ctx.summaries.summarize_recording(ctx.job, transcript)
    return format_recording(summary, ctx.message.language)


async def make_file(ctx: Context) -> Reply:
    """Reply with the transcript as a file. The button carries format, key and name."""
    extension, key, name, *_ = [*ctx.message.text.split(" ", 2), "", ""]
    if extension not in FORMATS:
        raise UserError(TRANSCRIPT_GONE)
    build, mime = FORMATS[extension]
    content = await asyncio.to_thread(build, await ctx.stored_transcript(key))
    return Reply(files=(File(f"{name or 'transcript'}.{extension}", mime, content.encode()),))


listen = Command("", read_out, SPEECH, is_listed=False)
ask_about = Command("", prompt_for_question, is_listed=False)
brief = Command("", summarize, SUMMARY, is_listed=False)
text_file = Command("", make_file, is_listed=False)
