"""The recording after /voice clone: the spoken consent, from which the voice is made."""

from __future__ import annotations

from dataclasses import replace

from core.commands import TRANSCRIPT, Command
from core.commands.context import Context
from core.errors import UserError
from core.locale import mark
from core.models import Button, ExpectedRecording, Reply, SavedVoice
from core.requester import REQUESTER, work_for
from core.synthesis import voice_consent
from core.synthesis.code_words import make_code
from core.synthesis.spoken_sentence import find_difference, find_speech
from core.text.scripts import guess_language, join_texts
from core.transcription.options import StoredTranscript

NOT_EXPECTED = mark("No recording is expected. Start with /voice clone.")


async def consent(ctx: Context) -> Reply:
    """Save the sender's voice, for themselves alone, if they say the sentence in the recording.

    A sentence is compared with one recording. If that differs, the reply says how, and has another
    sentence; nothing of it is kept.
    """
    if own := await _find_made(ctx):
        return _confirm(ctx, own)
    expects = (await ctx.store.chats.settings(ctx.message.chat)).expects
    if expects and expects.after_job == ctx.job.job_id:
        # An earlier attempt of this job has compared the recording.
        return _ask_again(ctx, expects)
    if expects is None:
        raise UserError(NOT_EXPECTED)
    if fault := voice_consent.find_fault(ctx.message, expects):
        raise UserError(fault)
    tries = await _count_try(ctx)
    heard = await _listen(ctx, expects)
    if difference := find_difference(expects, heard.transcript):
        return await _refuse(ctx, difference, may_retry=tries < voice_consent.MAX_TRIES)
    return await _keep(ctx, find_speech(heard.transcript))


async def _find_made(ctx: Context) -> SavedVoice | None:
    """Return the voice that an earlier attempt of this job has made."""
    wanted = voice_consent.id_of_clone(ctx.job.job_id)
    usable = await ctx.store.voices.usable(ctx.message.chat, ctx.message.sender_id)
    return next((voice for voice in usable if voice.voice_id == wanted), None)


async def _count_try(ctx: Context) -> int:
    """Count this recording, once however often the job runs. Raises UserError after too many."""
    moment = ctx.job.created_at
    known = voice_consent.count_tries((await ctx.own_speech()).clone_tries, ctx.clock.now())
    tries = tuple(dict.fromkeys((*known, moment)))
    if len(tries) > voice_consent.MAX_TRIES:
        await ctx.save_settings(expects=None)
        raise UserError(voice_consent.TOO_MANY_TRIES, times=voice_consent.count_most())
    await ctx.save_own_speech(clone_tries=tries)
    return len(tries)


async def _listen(ctx: Context, expects: ExpectedRecording) -> StoredTranscript:
    """Return the transcript of the recording. It is shared with nobody, and not kept."""
    language = guess_language(expects.text)
    scope = f"consent|{ctx.job.job_id}"
    with work_for(replace(REQUESTER.get(), scope=scope)):
        heard = await ctx.transcription.transcribe(await ctx.fetch(), language=language)
    await ctx.store.results.drop(heard.key)
    return heard


async def _refuse(ctx: Context, difference: str, *, may_retry: bool) -> Reply:
    """Reply with how the recording differs from the sentence, and with another sentence."""
    if not may_retry:
        await ctx.save_settings(expects=None)
        times = voice_consent.count_most()
        last = ctx.text(voice_consent.TOO_MANY_TRIES, times=times)
        return Reply(join_texts([ctx.text(difference), last]))
    code = make_code(ctx.text(voice_consent.CONSENT))
    sentence = ctx.text(voice_consent.CONSENT, code=code)
    expects = voice_consent.expect_consent(ctx.message, sentence, code, ctx.clock.now())
    expects = replace(expects, after_job=ctx.job.job_id, difference=difference)
    await ctx.save_settings(expects=expects)
    return _ask_again(ctx, expects)


def _ask_again(ctx: Context, expects: ExpectedRecording) -> Reply:
    again = ctx.text(voice_consent.RECORD)
    return Reply(f"{ctx.text(expects.difference)}\n{again}", expects.text)


async def _keep(ctx: Context, span_s: tuple[float, float]) -> Reply:
    """Save the voice, from the part of the recording in which the sentence is said."""
    sample = await ctx.transcription.convert(await ctx.fetch(), span_s)
    own = voice_consent.make_clone(sample, ctx.clock.now(), ctx.job.job_id)
    await ctx.store.voices.keep(ctx.message.chat, ctx.message.sender_id, own)
    await ctx.save_settings(expects=None)
    return _confirm(ctx, own)


def _confirm(ctx: Context, own: SavedVoice) -> Reply:
    text = ctx.text(
        "Saved as {voice}; only you can use it. /voice delete {voice} deletes it.",
        voice=own.name,
    )
    return Reply(text, buttons=(Button(ctx.text("For me"), "voice", own.choice),))


command = Command("", consent, TRANSCRIPT, is_listed=False)
