"""Parts that the replies of several commands share: partial text, buttons, the voice reply."""

from __future__ import annotations

from dataclasses import replace

from core.commands.context import Context
from core.errors import EngineError
from core.interfaces import OnText
from core.locale import mark
from core.models import Button, RepliesMode, Reply
from core.synthesis.pipeline import MAX_CHARS
from core.text.split import shorten
from core.transcription.pipeline import StoredTranscript

LISTEN = mark("Listen")
#: Recordings longer than this get a Summary button.
SUMMARY_OVER_S = 60.0
#: Partial text is shown again when it has grown by this much.
_STEP_CHARS = 24


def in_steps(show: OnText) -> OnText:
    """Return a callback that calls `show` only when the text has grown by a step or began anew.

    Sanitizing a text costs more than receiving a few letters of it.
    """
    shown_chars = 0

    def on_text(text: str) -> None:
        nonlocal shown_chars
        if not 0 <= len(text) - shown_chars < _STEP_CHARS:
            shown_chars = len(text)
            show(text)

    return on_text


async def add_voice(ctx: Context, reply: Reply) -> Reply:
    """Return `reply` with a voice message, or with a Listen button, as the chat has chosen.

    If synthesis fails, the reply stays text only.
    """
    if not reply.aloud:
        return reply
    mode, is_voice_in = ctx.settings.replies, ctx.message.attachment is not None
    is_wanted = mode is RepliesMode.ALWAYS or (mode is RepliesMode.AUTO and is_voice_in)
    # A transcript is not read back to those who have just sent the recording.
    if not is_wanted or ctx.job.command == "transcribe":
        button = Button(ctx.text(LISTEN), "listen", reply.aloud)
        return replace(reply, buttons=(*reply.buttons, button))
    try:
        result = await ctx.synthesize(shorten(reply.aloud, MAX_CHARS))
    except EngineError:
        note = ctx.text("The voice reply could not be created.")
        return replace(reply, text=f"{reply.text}\n\n{note}".strip())
    return replace(reply, files=(*reply.files, result.file))


def transcript_buttons(ctx: Context, stored: StoredTranscript) -> tuple[Button, ...]:
    """Return the buttons under a transcript, the most used first."""
    transcript, key = stored.transcript, stored.key
    is_reply_fix = ctx.job.command == "transcribe"  # elsewhere a reply is a further question
    has_times = len(transcript.segments) > 1
    offers = (
        (transcript.duration_s > SUMMARY_OVER_S, Button(ctx.text("Summary"), "brief", key)),
        (
            ctx.answering.answerer.limits.can_translate,
            Button(ctx.text("Translate"), "translate", key),
        ),
        (True, Button(ctx.text("Ask"), "ask_about", key)),
        (is_reply_fix, Button(ctx.text("Fix"), "fix")),
        (has_times, Button(".txt", "export", f"txt {key}")),
        (has_times, Button(".srt", "export", f"srt {key}")),
    )
    return tuple(button for is_offered, button in offers if is_offered)
