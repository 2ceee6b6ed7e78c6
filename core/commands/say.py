"""/say: a text, or the message that it replies to, as a voice message."""

from __future__ import annotations

import re

from core.commands import SPEECH, Command
from core.commands.arguments import Argument, MessageAction, suggest_styles, suggest_voices
from core.commands.context import Context
from core.errors import UserError
from core.locale import mark
from core.models import Button, Reply, SpeechSettings
from core.synthesis.refusals import TextTooLong

#: `voice:Mia` or `style:"warm, slow"`, before the text.
_OPTION = re.compile(r"""\s*(voice|style):(?:"([^"]*)"|'([^']*)'|“([^”]*)”|(\S+))""")


def read_call(text: str) -> tuple[SpeechSettings, str]:
    """Return the voice and style given for this call, and the text after them."""
    chosen: dict[str, str] = {}
    while (match := _OPTION.match(text)) is not None:
        name, *values = match.groups(default="")
        chosen[name] = "".join(values)
        text = text[match.end() :]
    return SpeechSettings(chosen.get("voice", ""), chosen.get("style", "")), text.strip()


async def say(ctx: Context) -> Reply:
    """Reply with the text as a voice message."""
    call, text = read_call(ctx.message.text)
    text = text or await ctx.quoted_text()
    if not text and ctx.message.reply_to:
        raise UserError("That message contains no text to read aloud.")
    if not text:
        raise UserError("Enter the text to read aloud, e.g. /say good morning")
    try:
        result = await ctx.synthesize(text, call, ctx.on_progress)
    except TextTooLong as error:
        offer = Button(ctx.text("Read the beginning aloud"), "say", error.start)
        return Reply(ctx.text(error.user_text, **error.values), buttons=(offer,))
    return Reply(ctx.text(result.note) if result.note else "", files=(result.file,))


command = Command(
    mark("Read a text aloud, or the message you reply to"),
    say,
    SPEECH,
    usage=mark("text"),
    arguments=(
        Argument("voice", mark("Voice"), suggest=suggest_voices, template='voice:"{}"'),
        Argument("style", mark("Speaking style"), suggest=suggest_styles, template='style:"{}"'),
        Argument("text", mark("Text to read aloud"), is_required=True),
    ),
    uses_quote=True,
    message_actions=(MessageAction(mark("Read aloud")),),
)
