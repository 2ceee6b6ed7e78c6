"""The buttons .txt and .srt under a transcript."""

from __future__ import annotations

from core.commands import Command
from core.commands.context import Context
from core.errors import UserError
from core.glossary import apply_to
from core.locale import mark
from core.models import File, Reply
from core.transcription.subtitles import build_srt, build_txt

FORMS = {"txt": (build_txt, "text/plain"), "srt": (build_srt, "application/x-subrip")}


async def export(ctx: Context) -> Reply:
    """Answer with the transcript as a file. The text is what the button carries: form and key."""
    form, _, key = ctx.message.text.partition(" ")
    transcript = await ctx.store.results.find(key)
    if form not in FORMS or transcript is None:
        raise UserError("I no longer have this transcript. Send the recording again.")
    transcript = apply_to(transcript, ctx.settings.talk.glossary)
    build, mime = FORMS[form]
    return Reply(files=(File(f"transcript.{form}", mime, build(transcript).encode()),))


command = Command(mark("Get a transcript as a file"), export, is_listed=False)
