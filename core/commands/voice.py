"""/voice: presets with previews, voices designed from a description, clones of one's own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

from core.commands import Command
from core.commands.arguments import (
    Argument,
    ArgumentInput,
    label_voice,
    name_choice,
    read_speech_action,
    read_word,
    split_word,
    suggest_voices,
)
from core.commands.context import Context
from core.errors import SynthesizerMissing, UserError
from core.locale import mark
from core.models import Button, Reply, SavedVoice, Suggestion
from core.permissions import Action, require
from core.synthesis import voice_choice as voices
from core.synthesis import voice_consent
from core.synthesis.code_words import make_code
from core.synthesis.pipeline import VoiceStyle

HINT = mark(
    "Press a voice to hear it. /voice NAME sets your voice, /voice chat NAME this chat's (admins), "
    "/voice off resets yours."
)


async def voice(ctx: Context) -> Reply:
    """Do what the first word says. Without one, reply with the current voice and all others."""
    word, rest = split_word(ctx.message.text)
    if not ctx.synthesis.synthesizer.voices():
        raise SynthesizerMissing
    if word in ACTIONS and (rest or word in ("clone", "list")):
        return await ACTIONS[word](ctx, rest)
    if not word:
        return await show(ctx)
    if word == "design":
        raise UserError("Describe the voice: /voice design a calm woman with a deep voice")
    return await choose(ctx, ctx.message.text.strip())


async def show(ctx: Context) -> Reply:
    """Reply with the current voice and who chose it, and a button for every voice."""
    name, source = (await ctx.choices()).find("voice")
    found = await find(ctx, name) if name else None
    line = ctx.text("Voice: default voice")
    if found:
        current = name_of(ctx, found)
        line = ctx.text("Voice: {voice} ({source})", voice=current, source=ctx.text(source))
    saved = await ctx.store.voices.usable(ctx.message.chat, ctx.message.sender_id)
    reader = ctx.message.language
    presets = [(v.name, label_voice(v, reader)) for v in ctx.synthesis.synthesizer.voices()]
    offers = presets + [(v.choice, v.name) for v in saved]
    buttons = tuple(Button(label, "voice", f"try {name}") for name, label in offers)
    return Reply(f"{line}\n\n{ctx.text(HINT)}", buttons=buttons, people=makers_of(*saved))


async def find(ctx: Context, name: str) -> str | SavedVoice | None:
    """Return the voice called `name`, None if there is none that this person may use."""
    return await voices.find_voice(ctx.store.voices, ctx.synthesis, name, ctx.message)


async def require_voice(ctx: Context, name: str) -> str | SavedVoice:
    """Return the voice called `name`. Raises UserError if there is none."""
    found = await find(ctx, name)
    if found is None:
        raise UserError("Unknown voice: {voice}. /voice lists all voices.", voice=name)
    return found


async def require_saved(ctx: Context, name: str) -> SavedVoice:
    """Return the saved voice called `name`, for one who may change it. Raises UserError.

    A clone is found by its owner alone; designed voices belong to the chat's admins.
    """
    found = await find(ctx, name)
    if not isinstance(found, SavedVoice):
        raise UserError("Unknown voice: {voice}. /voice lists all voices.", voice=name)
    if not found.is_clone:
        await require(ctx.platform, ctx.message, Action.CHANGE_VOICES)
    return found


def choice_of(voice: str | SavedVoice) -> str:
    """Return how the choice of a voice is stored."""
    return voice.choice if isinstance(voice, SavedVoice) else voice


def name_of(ctx: Context, voice: str | SavedVoice) -> str:
    """Return the name of a voice that people see. Ids of presets differ between engines."""
    if isinstance(voice, SavedVoice):
        return voice.name
    presets = ctx.synthesis.synthesizer.voices()
    return next((preset.name for preset in presets if preset.voice_id == voice), voice)


def makers_of(*found: str | SavedVoice) -> tuple[str, ...]:
    """Return the ids of those who have named these voices."""
    makers = {one.by for one in found if isinstance(one, SavedVoice)}
    return tuple(sorted(makers - {""}))


async def choose(ctx: Context, name: str) -> Reply:
    """Set or reset the sender's voice."""
    if read_word(name) == "off":
        await ctx.save_own_speech(voice="")
        return Reply(ctx.text("Your voice was reset."))
    found = await require_voice(ctx, name)
    await ctx.save_own_speech(voice=choice_of(found))
    text = ctx.text("Your voice is now {voice}.", voice=name_of(ctx, found))
    return Reply(text, people=makers_of(found))


async def choose_for_chat(ctx: Context, name: str) -> Reply:
    """Set or reset the chat's voice. A clone may only be used by its owner."""
    if read_word(name) == "off":
        await ctx.save_settings(speech={"voice": ""})
        return Reply(ctx.text("This chat's voice was reset."))
    found = await require_voice(ctx, name)
    if isinstance(found, SavedVoice) and found.is_clone:
        raise UserError("A cloned voice can only be used by its owner.")
    await ctx.save_settings(speech={"voice": choice_of(found)})
    text = ctx.text("This chat's voice is now {voice}.", voice=name_of(ctx, found))
    return Reply(text, people=makers_of(found))


async def preview(ctx: Context, name: str) -> Reply:
    """Reply with a sample of a voice. It is synthesized once and stored."""
    found = await require_voice(ctx, name)
    text = ctx.text("Hello, this is how I sound.")
    result = await ctx.synthesis.synthesize(text, VoiceStyle(found), on_audio=ctx.on_audio)
    buttons = (
        Button(ctx.text("For me"), "voice", name),
        Button(ctx.text("For this chat"), "voice", f"chat {name}"),
    )
    name = name_of(ctx, found)
    return Reply(name, files=(result.file,), buttons=buttons, people=makers_of(found))


async def design(ctx: Context, description: str) -> Reply:
    """Reply with three versions of a voice made from a description."""
    takes = await voices.make_takes(ctx.synthesis, description, ctx.text(voices.PREVIEW_TEXT))
    buttons = tuple(
        Button(ctx.text("Keep {take}", take=take), "voice", f"keep {take} {description}")
        for take in voices.TAKES
    )
    return Reply(ctx.text("Three versions: A, B and C."), files=takes, buttons=buttons)


async def keep(ctx: Context, rest: str) -> Reply:
    """Save a version by its sample: the same description would sound different the next time."""
    take, _, description = rest.partition(" ")
    saved = await voices.keep_take(ctx.synthesis, description, ctx.text(voices.PREVIEW_TEXT), take)
    await ctx.store.voices.keep(ctx.message.chat, ctx.message.sender_id, saved)
    text = ctx.text("Saved as {voice}. Rename it: /voice rename {voice} = NAME", voice=saved.name)
    return Reply(text, buttons=(Button(ctx.text("For me"), "voice", saved.choice),))


async def rename(ctx: Context, rest: str) -> Reply:
    """Rename a saved voice."""
    old, _, new = (part.strip() for part in rest.partition("="))
    if not new:
        raise UserError("Example: /voice rename A calm woman = Grandma")
    saved = await require_saved(ctx, old)
    renamed = replace(saved, name=new[: voices.MAX_NAME_CHARS])
    await ctx.store.voices.rename(renamed)
    return Reply(ctx.text("Renamed to {voice}.", voice=renamed.name))


async def list_saved(ctx: Context, _: str) -> Reply:
    """Reply with the names of the saved voices."""
    saved = await ctx.store.voices.usable(ctx.message.chat, ctx.message.sender_id)
    if not saved:
        return Reply(ctx.text("No saved voices yet. Create one: /voice design DESCRIPTION"))
    return Reply("\n".join(f"– {v.name}" for v in saved), people=makers_of(*saved))


async def delete(ctx: Context, name: str) -> Reply:
    """Delete a saved voice. For a clone this withdraws the consent."""
    saved = await require_saved(ctx, name)
    await ctx.store.voices.forget(saved)
    return Reply(ctx.text("{voice} and its recording were deleted.", voice=saved.name))


async def clone(ctx: Context, rest: str) -> Reply:
    """Reply with the consent to be read out: the next recording must contain it."""
    if not ctx.message.is_private:
        raise UserError("Voices can only be cloned in a private chat.")
    if not ctx.synthesis.synthesizer.limits.max_sample_bytes:
        raise UserError("Voices cannot be cloned here.")
    if read_word(rest) == "off":
        await ctx.save_settings(expects=None)
        return Reply(ctx.text("Voice cloning was cancelled."))
    tries = voice_consent.count_tries((await ctx.own_speech()).clone_tries, ctx.clock.now())
    if len(tries) >= voice_consent.MAX_TRIES:
        raise UserError(voice_consent.TOO_MANY_TRIES, times=voice_consent.count_most())
    code = make_code(ctx.text(voice_consent.CONSENT))
    sentence = ctx.text(voice_consent.CONSENT, code=code)
    expects = voice_consent.expect_consent(ctx.message, sentence, code, ctx.clock.now())
    await ctx.save_settings(expects=expects)
    return Reply(ctx.text(voice_consent.RECORD), sentence)


ACTIONS: dict[str, Callable[[Context, str], Awaitable[Reply]]] = {
    "chat": choose_for_chat,
    "try": preview,
    "design": design,
    "keep": keep,
    "rename": rename,
    "list": list_saved,
    "delete": delete,
    "remove": delete,
    "clone": clone,
}


async def suggest(entered: ArgumentInput) -> list[Suggestion]:
    """Suggest the voices, and the actions that work here with what is typed."""
    typed, limits = entered.message.text.strip(), entered.synthesis.synthesizer.limits
    word, description = split_word(typed)
    actions = ["off", "list"]
    if limits.max_sample_bytes and entered.message.is_private:
        actions.append("clone")
    reader = entered.message.language
    found = [Suggestion(action, name_choice(action, reader)) for action in actions]
    if limits.can_design and word == "design" and description:
        found.append(Suggestion(typed))
    return [*await suggest_voices(entered), *found]


def _read_action(text: str) -> Action:
    is_kept = split_word(text)[0] == "keep"
    return Action.CHANGE_VOICES if is_kept else read_speech_action(text)


command = Command(
    mark("Choose, design or clone a voice"),
    voice,
    usage=mark("name | design | clone | list"),
    arguments=(
        Argument(
            "voice", mark("A voice, or design and a description of a new one"), suggest=suggest
        ),
    ),
    is_ephemeral=True,
    action=_read_action,
)
