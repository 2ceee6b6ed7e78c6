"""The button Summary under a transcript: what matters of one recording."""

from __future__ import annotations

from core import glossary
from core.commands import Command
from core.commands.context import Context
from core.errors import UserError
from core.locale import mark
from core.models import Reply
from core.summaries.format import show_recording


async def brief(ctx: Context) -> Reply:
    """Answer with a few points. The text is what the button carries: the transcript's key."""
    heard = await ctx.store.results.find(ctx.message.text)
    if heard is None or not heard.text:
        raise UserError("I no longer have this transcript. Send the recording again.")
    shown = glossary.apply_to(heard, ctx.settings.talk.glossary)
    return show_recording(await ctx.summaries.brief(ctx.job, shown), ctx.message.language)


command = Command(mark("Sum up a recording"), brief, is_listed=False)
