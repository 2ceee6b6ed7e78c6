"""/privacy: what is kept and for how long, who receives it, and how to delete it.

Telegram's terms for bots (4.3) ask for this command.
"""

from __future__ import annotations

from core.commands import Command
from core.commands.context import Context
from core.interfaces import Answerer, Synthesizer, Transcriber
from core.locale import mark, translate
from core.models import Reply, Span
from core.privacy.periods import ENCRYPTION, PERIODS

KEPT = mark("What I keep")
SENT = mark("Who receives it")
RIGHTS = mark("Your choice")
LINE = mark("{what}: {details}")
HERE = mark("this machine alone, nothing is sent anywhere")


async def privacy(ctx: Context) -> Reply:
    """Reply with three short lists: what is kept, who receives it, what people can do."""
    sections = {KEPT: _list_kept(ctx), SENT: _list_processors(ctx), RIGHTS: _list_rights(ctx)}
    text, spans = "", []
    for title, lines in sections.items():
        start = len(text)
        text += ctx.text(title)
        spans.append(Span(start, len(text)))
        text += "".join(f"\n– {line}" for line in lines) + "\n\n"
    return Reply(text.rstrip(), spans=tuple(spans))


def _list_kept(ctx: Context) -> list[str]:
    language = ctx.message.language
    kept = [
        _format_line(ctx, one.what, one.describe(language)) for one in PERIODS if one.is_personal
    ]
    how = ctx.text(
        "What you write and say is encrypted ({cipher}); the key is not in the database. Other "
        "recordings are fetched for a request and not kept.",
        cipher=ENCRYPTION,
    )
    return [*kept, how]


def _format_line(ctx: Context, what: str, details: str) -> str:
    # None of it is people's words, which `ctx.text` would defuse.
    return translate(LINE, ctx.message.language, what=ctx.text(what), details=details)


def _list_processors(ctx: Context) -> list[str]:
    """Return a line for each role of an engine, or one for all."""
    roles: dict[str, Transcriber | Answerer | Synthesizer] = {
        mark("Transcription"): ctx.transcription.transcriber,
        mark("Answers and summaries"): ctx.answering.answerer,
        mark("Speech"): ctx.synthesis.synthesizer,
    }
    if not ctx.synthesis.synthesizer.voices():
        del roles["Speech"]
    return [
        _format_line(ctx, role, engine.processor or ctx.text(HERE))
        for role, engine in roles.items()
    ]


def _list_rights(ctx: Context) -> list[str]:
    return [
        ctx.text("Get all that is stored about you: /export"),
        ctx.text("Delete what is stored about you: /forget me here, /forget me everywhere"),
        ctx.text("Stay out of all history: /remember me off"),
    ]


command = Command(mark("Show what is stored, and for how long"), privacy, is_ephemeral=True)
