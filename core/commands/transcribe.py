"""/transcribe: the text of a voice message, the command's own or the one it replies to."""

from __future__ import annotations

from dataclasses import replace

from core.answering.conversation import find_subjects
from core.commands import TRANSCRIPT, Command, load_command
from core.commands.arguments import MessageAction
from core.commands.context import TRANSCRIPT_GONE, Context
from core.errors import EngineRefused, UserError
from core.locale import mark
from core.models import Reply
from core.text.questions import is_question
from core.transcription.corrected import show_corrections
from core.transcription.options import TranscriptionOptions

ENGLISH_ONLY = mark(
    "If another language was spoken, this is wrong: the operator of this bot can add it with "
    "MIMO_API_KEY or OPENAI_BASE_URL."
)


async def transcribe(ctx: Context) -> Reply:
    """Reply with the transcript and its buttons."""
    options = TranscriptionOptions(even_silent=bool(ctx.message.button))
    ctx = await _go_back(ctx) if options.even_silent else ctx
    message = ctx.message
    if not (message.attachment or (message.reply_to and message.reply_to.attachment)):
        raise UserError("Send me a voice message, or reply to one with /transcribe.")
    stored = await ctx.transcribe(on_progress=ctx.on_progress, options=options)
    notes = []
    if stored.transcript.is_rough:
        notes.append(ctx.text("Rough English transcript, made offline: expect mistakes."))
        if not (ctx.message.language or "en").lower().startswith("en"):
            notes.append(ctx.text(ENGLISH_ONLY))
    if stored.transcript.is_cut:
        notes.append(ctx.text("A part exceeded the service's limit: some words are missing."))
    text = stored.transcript.text
    reply = Reply(
        "\n".join(notes),
        text,
        buttons=ctx.transcript_buttons(stored),
        aloud=text,
        heard_key=stored.key,
        about=tuple(replace(recording, heard=stored.key) for recording in ctx.about),
    )
    if stored.transcript.corrected:
        reply = show_corrections(reply, stored.transcript, message.language)
    # Whoever wrote the caption of a forwarded recording did not ask us, nor does one in a group.
    is_own = message.is_private and not (message.command or message.forwarded_from)
    is_asked = message.attachment and message.text and is_own and is_question(message.text)
    return await add_answer(ctx, reply) if is_asked else reply


async def add_answer(ctx: Context, transcript: Reply) -> Reply:
    """Return the reply with the answer to the caption's question below the transcript."""
    ask = load_command("ask")
    try:
        text = (await ask.function(ctx)).text
    except (UserError, EngineRefused) as error:
        text = ctx.text(error.user_text, failure=ask.purpose.failure, **error.values)
    text = "\n\n".join(filter(None, (text, transcript.text)))
    return replace(transcript, text=text, is_quote_first=True, aloud=text)


async def _go_back(ctx: Context) -> Context:
    """Return the context with the recording of the job that the button "Transcribe anyway" names.

    Raises UserError if it is gone, or its speaker has opted out.
    """
    earlier = await ctx.store.jobs.find(ctx.message.text)
    if earlier is None:
        raise UserError(TRANSCRIPT_GONE)
    await ctx.require_no_opt_out(earlier.message.author_ids)
    message = replace(earlier.message, language=ctx.message.language)
    return replace(ctx, message=message, about=find_subjects(earlier))


command = Command(
    mark("Transcribe a voice message"),
    transcribe,
    TRANSCRIPT,
    takes_audio=True,
    uses_quote=True,
    message_actions=(
        MessageAction(mark("Transcribe")),
        MessageAction(mark("Transcribe for me"), is_ephemeral=True),
    ),
)
