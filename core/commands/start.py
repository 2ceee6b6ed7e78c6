"""/start: the first message to the bot, and the reply to whatever else is no request."""

from __future__ import annotations

from core.commands import Command
from core.commands.context import Context
from core.locale import mark, translate
from core.models import Button, Reply
from core.text.scripts import join_texts

HELLO = mark("Hi, I am Hearsay, an AI assistant for voice messages.")
PRIVACY = mark("/privacy says what is stored.")


async def start(ctx: Context) -> Reply:
    """Say in a few sentences what the bot does, with buttons for what to try first."""
    hello = ctx.text(HELLO)
    if not ctx.message.is_private:
        how_to = ctx.text("Reply to a voice message with /transcribe to transcribe it.")
        more = ctx.text("After /auto on I transcribe every one (admins).")
        blindness = await ctx.platform.explain_blindness(ctx.message)
        text = join_texts([hello, how_to, more, ctx.text(PRIVACY)])
        if blindness:
            text += "\n\n" + ctx.text(blindness)
        return Reply(text, buttons=(Button(ctx.text("Help"), "help"),))
    how_to = ctx.text("Send me a voice message now, and I write down what is said.")
    then = ctx.text("Then reply to the text with a question about it.")
    text = join_texts([hello, how_to, then, ctx.describe_limit(), ctx.text(PRIVACY)])
    return Reply(text, buttons=_offer_first_steps(ctx))


def _offer_first_steps(ctx: Context) -> tuple[Button, ...]:
    """Return four buttons: for speech where it is installed, else for what works without."""
    first = Button(ctx.text("Voice messages"), "mode")
    second = Button(ctx.text("Summaries"), "summary")
    if ctx.synthesis.synthesizer.voices():
        sample = ctx.text("Hello! This is how I sound when I read a text aloud.")
        first = Button(ctx.text("Hear my voice"), "say", sample)
        second = Button(ctx.text("Voices"), "voice")
    language = Button(ctx.text("Language"), "language")
    return (first, second, language, Button(ctx.text("Help"), "help"))


async def introduce(ctx: Context) -> Reply:
    """Say that an AI answers, before the first reply in a chat that did not begin with /start."""
    return Reply(describe_self(ctx.message.language))


def describe_self(language: str) -> str:
    """Return who answers, as somebody is told who is new."""
    return join_texts([translate(HELLO, language), translate(PRIVACY, language)])


command = Command("", start, is_listed=False)
introduction = Command("", introduce, is_listed=False, is_silent=True)
