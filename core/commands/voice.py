"""/voice: who speaks. Presets with previews, voices designed in words, and one's own voice."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

from core.commands import Command
from core.commands.arguments import Argument, ArgumentInput, label_voice, suggest_voices
from core.commands.context import Context
from core.errors import UserError
from core.locale import mark
from core.models import Button, Reply, SavedVoice, Suggestion
from core.synthesis import voice_choice as choice
from core.synthesis import voice_consent
from core.synthesis.pipeline import VoiceStyle

HELP = mark("Who speaks: choose, design or clone a voice")
HINT = mark(
    "Press a voice to hear it. /voice NAME chooses it for you, /voice chat NAME for this chat "
    "(admins), /voice off neither."
)


async def voice(ctx: Context) -> Reply:
    """Do what the first word says; without one show what applies and all voices."""
    word, _, rest = ctx.message.text.strip().partition(" ")
    rest = rest.strip()
    if word.lower() in ACTIONS and (rest or word.lower() in ("clone", "list")):
        return await ACTIONS[word.lower()](ctx, rest)
    if not word:
        return await show(ctx, "")
    return await choose(ctx, ctx.message.text.strip())


async def show(ctx: Context, _: str) -> Reply:
    """Say what applies and where from, and offer every voice."""
    name, source = (await ctx.choices()).find("voice")
    found = await find(ctx, name) if name else None
    if found is None:
        source = choice.SOURCES[-1]
    shown = name_of(ctx, found) if found else ctx.text("the engine's own")
    lines = [ctx.text("Voice: {voice} ({source})", voice=shown, source=ctx.text(source)), ""]
    kept = await ctx.store.voices.usable(ctx.message.chat, ctx.message.sender_id)
    reader = ctx.message.language
    presets = [(v.name, label_voice(v, reader)) for v in ctx.synthesis.synthesizer.voices()]
    offers = presets + [(v.choice, v.name) for v in kept]
    buttons = tuple(Button(shown, "voice", f"try {name}") for name, shown in offers)
    return Reply("\n".join([*lines, ctx.text(HINT)]), buttons=buttons)


async def find(ctx: Context, name: str) -> str | SavedVoice | None:
    """Return the voice called `name` that this person may use."""
    return await choice.find_voice(ctx.store.voices, ctx.synthesis, name, ctx.message)


async def need(ctx: Context, name: str) -> tuple[str, str]:
    """Return how a voice is kept as a choice, and its name. Raises UserError."""
    found = await find(ctx, name)
    if found is None:
        raise UserError("I do not know the voice {voice}. /voice shows all.", voice=name)
    if isinstance(found, SavedVoice):
        return found.choice, found.name
    return found, name_of(ctx, found)


def name_of(ctx: Context, voice: str | SavedVoice) -> str:
    """Return what people call a voice; engines have names of their own for their presets."""
    if isinstance(voice, SavedVoice):
        return voice.name
    presets = ctx.synthesis.synthesizer.voices()
    return next((preset.name for preset in presets if preset.voice_id == voice), voice)


async def choose(ctx: Context, name: str) -> Reply:
    """Choose a voice for the sender."""
    value, shown = ("", "") if name.lower() == "off" else await need(ctx, name)
    choice = replace(await ctx.person(), voice=value)
    message = ctx.message
    await ctx.store.voices.save_choice(message.chat.platform, message.sender_id, choice)
    if not value:
        return Reply(ctx.text("You have no voice of your choice any more."))
    return Reply(ctx.text("I speak to you with the voice {voice} now.", voice=shown))


async def choose_for_chat(ctx: Context, name: str) -> Reply:
    """Choose a voice for the chat. A person's own voice is nobody else's."""
    await ctx.require_admin()
    value, shown = ("", "") if name.lower() == "off" else await need(ctx, name)
    found = await find(ctx, name) if value else None
    if isinstance(found, SavedVoice) and found.is_clone:
        raise UserError("This is your own voice: nobody else may use it.")
    speech = replace(ctx.settings.speech, voice=value)
    await ctx.store.chats.save_settings(ctx.message.chat, replace(ctx.settings, speech=speech))
    if not value:
        return Reply(ctx.text("This chat has no voice of its choice any more."))
    return Reply(ctx.text("This chat hears the voice {voice} now.", voice=shown))


async def preview(ctx: Context, name: str) -> Reply:
    """Let a voice be heard; made once and kept, as every sound is."""
    found = await find(ctx, name)
    _, shown = await need(ctx, name)
    text = ctx.text("Hello, this is how I sound.")
    spoken = await ctx.synthesis.synthesize(text, VoiceStyle(found), on_audio=ctx.on_audio)
    buttons = (
        Button(ctx.text("For me"), "voice", name),
        Button(ctx.text("For this chat"), "voice", f"chat {name}"),
    )
    return Reply(shown, files=(spoken.file,), buttons=buttons)


async def design(ctx: Context, description: str) -> Reply:
    """Make three takes of a voice that is given in words."""
    takes = await choice.make_takes(ctx.synthesis, description, ctx.text(choice.PREVIEW_TEXT))
    buttons = tuple(
        Button(ctx.text("Keep {take}", take=take), "voice", f"keep {take} {description}")
        for take in choice.TAKES
    )
    return Reply(ctx.text("Three takes: A, B and C."), files=takes, buttons=buttons)


async def keep(ctx: Context, rest: str) -> Reply:
    """Keep a take: its sample is the voice, since a design sounds different each time."""
    take, _, description = rest.partition(" ")
    if not ctx.message.is_private:
        await ctx.require_admin()
    kept = await choice.keep_take(ctx.synthesis, description, ctx.text(choice.PREVIEW_TEXT), take)
    await ctx.store.voices.keep(ctx.message.chat, ctx.message.sender_id, kept)
    text = ctx.text("Kept as {voice}. /voice rename {voice} = NAME names it.", voice=kept.name)
    return Reply(text, buttons=(Button(ctx.text("For me"), "voice", kept.choice),))


async def rename(ctx: Context, rest: str) -> Reply:
    """Name a kept voice."""
    old, _, new = (part.strip() for part in rest.partition("="))
    found = await find(ctx, old)
    if not isinstance(found, SavedVoice) or not new:
        raise UserError("Say for example: /voice rename A calm woman = Grandma")
    await _require_owner(ctx, found)
    renamed = replace(found, name=new[: choice.MAX_NAME_CHARS])
    await ctx.store.voices.rename(renamed)
    return Reply(ctx.text("It is called {voice} now.", voice=renamed.name))


async def list_kept(ctx: Context, _: str) -> Reply:
    """Name the kept voices."""
    kept = await ctx.store.voices.usable(ctx.message.chat, ctx.message.sender_id)
    if not kept:
        return Reply(ctx.text("No voice is kept here. /voice design WORDS makes one."))
    return Reply("\n".join(f"– {v.name}" for v in kept))


async def delete(ctx: Context, name: str) -> Reply:
    """Delete a kept voice; for one's own voice that withdraws the consent."""
    found = await find(ctx, name)
    if not isinstance(found, SavedVoice):
        raise UserError("I do not know the voice {voice}. /voice shows all.", voice=name)
    await _require_owner(ctx, found)
    await ctx.store.voices.forget(found)
    return Reply(ctx.text("{voice} is deleted, with its recording.", voice=found.name))


async def clone(ctx: Context, rest: str) -> Reply:
    """Ask for the consent that must be spoken before one's own voice is made."""
    if not ctx.message.is_private:
        raise UserError("Only in a private chat: your voice is yours alone.")
    if not ctx.synthesis.synthesizer.limits.max_sample_bytes:
        raise UserError("The engine that speaks here cannot learn a voice.")
    expects = None
    if rest.lower() != "off":
        code = " ".join(ctx.text(word) for word in voice_consent.make_code())
        expects = voice_consent.expect_consent(
            ctx.text(voice_consent.CONSENT, code=code), code, ctx.clock.now()
        )
    await ctx.store.chats.save_settings(ctx.message.chat, replace(ctx.settings, expects=expects))
    if expects is None:
        return Reply(ctx.text("No voice will be made."))
    asked = ctx.text("Record this sentence with your own voice and send it as a voice note:")
    return Reply(asked, expects.text)


async def _require_owner(ctx: Context, kept: SavedVoice) -> None:
    """A clone is listed for its owner alone; a designed voice belongs to the chat's admins."""
    if not kept.is_clone:
        await ctx.require_admin()


ACTIONS: dict[str, Callable[[Context, str], Awaitable[Reply]]] = {
    "chat": choose_for_chat,
    "try": preview,
    "design": design,
    "keep": keep,
    "rename": rename,
    "list": list_kept,
    "delete": delete,
    "clone": clone,
}


async def suggest(typing: ArgumentInput) -> list[Suggestion]:
    """Offer the voices, and what else can be done with them."""
    return [*await suggest_voices(typing), *map(Suggestion, ("off", "list", "design", "clone"))]


command = Command(
    HELP,
    voice,
    usage="name | design | clone | list",
    arguments=(Argument("voice", mark("A voice, or what is to be done"), suggest=suggest),),
    is_ephemeral=True,
)
