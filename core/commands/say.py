"""/say: speaks a text, or the message that it answers."""

from __future__ import annotations

import re

from core.commands import Command
from core.commands.arguments import Argument, MessageAction, suggest_styles, suggest_voices
from core.commands.context import Context
from core.errors import UserError
from core.locale import mark
from core.models import Button, Reply, SpeechSettings
from core.synthesis.pipeline import TextTooLong

HELP = mark("Say a text aloud, or the message that you answer")

#: `voice:Mia` or `style:"warm, slow"`, before the text.
_OPTION = re.compile(r"""\s*(voice|style):(?:"([^"]*)"|'([^']*)'|“([^”]*)”|(\S+))""")


def read_call(text: str) -> tuple[SpeechSettings, str]:
    """Return what is chosen for this one call, and the text that follows."""
    chosen: dict[str, str] = {}
    while (match := _OPTION.match(text)) is not None:
        name, *values = match.groups(default="")
        chosen[name] = "".join(values)
        text = text[match.end() :]
    return SpeechSettings(**chosen), text.strip()


async def say(ctx: Context) -> Reply:
    """Answer with the text as a voice message."""
    call, text = read_call(ctx.message.text)
    if not text and ctx.message.reply_to:
        text = ctx.message.reply_to.text
    if not text:
        raise UserError("Tell me what to say: /say good morning")
    try:
        spoken = await ctx.synthesize(text, call)
    except TextTooLong as error:
        offer = Button(ctx.text("Say the beginning"), "say", error.start)
        return Reply(ctx.text(error.user_text, **error.values), buttons=(offer,))
    return Reply(ctx.text(spoken.note) if spoken.note else "", files=(spoken.file,))


command = Command(
    HELP,
    say,
    usage="text",
    arguments=(
        Argument("voice", mark("Who speaks"), suggest=suggest_voices, template='voice:"{}"'),
        Argument("style", mark("How it is spoken"), suggest=suggest_styles, template='style:"{}"'),
        Argument("text", mark("What is said"), is_required=True),
    ),
    message_actions=(MessageAction(mark("Speak this")),),
)
