"""/language: the language spoken in the chat, and the sender's own."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from core.commands import Command
from core.commands.arguments import (
    Argument,
    ArgumentInput,
    name_choice,
    read_word,
    split_word,
    suggest_languages,
)
from core.commands.context import Context
from core.locale import LANGUAGES, mark
from core.locale.languages import (
    find_similar_languages,
    find_spoken_language,
    label_language,
    name_language,
)
from core.models import Button, Reply, Suggestion
from core.permissions import Action

#: Words that turn the setting off.
_AUTO = ("auto", "off")
#: Before the language: for the sender alone, or for the chat as without it.
_ME, _CHAT = "me", "chat"


async def language(ctx: Context) -> Reply:
    """Change the language of the chat, or with "me" the sender's own; or show both."""
    whose, typed = _read(ctx.message.text)
    if not typed:
        return await show(ctx, whose)
    # In a thread: language names are read from files the first time.
    code = await asyncio.to_thread(find_spoken_language, typed)
    if code is None and read_word(typed) not in _AUTO:
        return await refuse(ctx, typed, whose)
    if whose == _ME:
        await ctx.save_own_speech(language=code or "")
        reader = replace(ctx.message, language=code or ctx.message.language)
        own = await describe_own(replace(ctx, message=reader))
        return Reply(own if code else f"{ctx.text('You have no language of your own now.')}\n{own}")
    await ctx.save_settings(language=code)
    return Reply(describe_chat(ctx, code))


def _read(text: str) -> tuple[str, str]:
    """Return whose language is meant, "" if that is not said, and the language."""
    word, rest = split_word(text)
    whose = word if word in (_ME, _CHAT) else ""
    return whose, (rest if whose else text).strip(" .!。！")


def _read_action(text: str) -> Action:
    whose, typed = _read(text)
    if not typed:
        return Action.USE
    return Action.CHANGE_OWN_SETTINGS if whose == _ME else Action.CHANGE_SETTINGS


async def show(ctx: Context, whose: str) -> Reply:
    """Reply with both settings, and buttons for the languages that are likely."""
    likely = dict.fromkeys((ctx.message.language.split("-")[0] or "en", "en", *LANGUAGES))
    buttons = (
        Button(label_language(code, code), "language", f"{whose} {code}".strip()) for code in likely
    )
    auto = Button(ctx.text("Detect automatically"), "language", f"{whose} auto".strip())
    lines = (describe_chat(ctx, ctx.settings.language), await describe_own(ctx))
    return Reply("\n".join(lines), buttons=(*buttons, auto))


def describe_chat(ctx: Context, code: str | None) -> str:
    """Return a sentence on the language of the chat."""
    if code is None:
        return ctx.text("Language is detected automatically.")
    name = name_language(code, ctx.message.language)
    return ctx.text("Language: {language}. /language auto detects it.", language=name)


async def describe_own(ctx: Context) -> str:
    """Return a sentence on the sender's own language."""
    code = (await ctx.own_speech()).language
    if not code:
        return ctx.text("Your own language, in all chats: /language me German")
    return ctx.text(
        "Your language: {language}, for your recordings and what I write to you. "
        "/language me auto removes it.",
        language=name_language(code, ctx.message.language),
    )


async def refuse(ctx: Context, typed: str, whose: str) -> Reply:
    """Reply that there is no such language, with buttons for those that look like it."""
    similar = await asyncio.to_thread(find_similar_languages, typed)
    reader = ctx.message.language
    buttons = (
        Button(label_language(code, reader), "language", f"{whose} {code}".strip())
        for code in similar
    )
    text = ctx.text("I don't know this language: {language}. Example: /language en", language=typed)
    return Reply(text, buttons=tuple(buttons))


async def suggest(entered: ArgumentInput) -> list[Suggestion]:
    """Suggest detection and the languages."""
    auto = Suggestion("auto", name_choice("auto", entered.message.language))
    return [auto, *await suggest_languages(entered)]


command = Command(
    mark("Spoken language of this chat, or with “me” your own: German, zh, … or auto"),
    language,
    usage=mark("[me] German | auto"),
    arguments=(
        Argument(mark("whose"), mark("For you or for this chat"), choices=(_ME, _CHAT)),
        Argument("language", mark("Spoken language"), suggest=suggest),
    ),
    is_ephemeral=True,
    action=_read_action,
)
