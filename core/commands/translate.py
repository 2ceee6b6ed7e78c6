"""/translate: a text or a recording in another language, by default the sender's own."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, replace
from functools import partial

from core.answering import translation_prompt as prompts
from core.answering.pipeline import in_steps
from core.commands import TRANSLATION, Command
from core.commands.arguments import Argument, MessageAction, suggest_languages
from core.commands.context import Context
from core.errors import UserError
from core.interfaces import OnText
from core.locale import mark
from core.locale.languages import find_language, name_language
from core.models import Reply
from core.safety import defuse, disable_links, find_addresses, restore_links
from core.text.scripts import guess_language
from core.text.split import split_speech
from core.transcription.progress import Progress

HOW_TO = mark(
    "Reply to a text or voice message with /translate, or add the text: "
    "/translate German Good morning"
)
SAME = mark("This is already in {language}. For another language: /translate German")
UNAVAILABLE = mark("Nothing can be translated here: no language model is set up.")
CUT = mark("The translation was cut off: it exceeded the length limit.")

#: The key of a transcript: what the Translate button carries.
_KEY = re.compile(r"[0-9a-f]{64}")
_INTO = re.compile(
    r"(?:in)?to\s+|into\s+|ins?\s+|nach\s+|auf\s+|на\s+|(?:翻译)?[成为到]\s*", re.IGNORECASE
)
#: Codes that are no common words; others only count if nothing or a colon follows.
_CODES = frozenset(
    (
        *("en", "de", "es", "fr", "pt", "ru", "zh", "ja", "ko", "ar"),
        *("tr", "pl", "uk", "nl", "sv", "cs", "vi", "th", "fa"),
    )
)
#: Longer translations are sent as a quote, which chats fold.
_SHORT_CHARS = 1000


@dataclass(frozen=True, slots=True)
class SourceText:
    """The text to translate, and the key of the transcript if it is one."""

    text: str
    heard_key: str = ""


async def translate(ctx: Context) -> Reply:
    """Reply with the translation."""
    if not ctx.answering.answerer.limits.can_translate:
        raise UserError(UNAVAILABLE)
    if ctx.message.button and _KEY.fullmatch(ctx.message.text):
        key, target = ctx.message.text, None
        source = SourceText((await ctx.stored_transcript(key)).text, key)
    else:
        # In a thread: language names are read from files the first time.
        target, rest = await asyncio.to_thread(read_target, ctx.message.text)
        source = await _find_source(ctx, rest)
    target = target or ctx.message.language or "en"
    text = None
    if not (target == "zh" == guess_language(source.text)):
        text = await _translate(ctx, source.text, target)
    if text is None:
        return Reply(ctx.text(SAME, language=name_language(target, ctx.message.language)))
    reply = Reply(text) if len(text) <= _SHORT_CHARS else Reply(quote=text)
    return replace(reply, aloud=text, heard_key=source.heard_key, about=ctx.about)


def read_target(text: str) -> tuple[str | None, str]:
    """Return the language (BCP 47) that a text begins with, None if there is none, and the rest.

    Examples: "German", "to de", "中文 Good morning", "is: Good morning". Codes that are also words,
    such as "is", only count if nothing or a colon follows.
    """
    text = text.strip()
    into = _INTO.match(text)
    if into and (found := _read_name(text[into.end() :])):
        return found
    return _read_name(text) or (None, text)


def _read_name(text: str) -> tuple[str, str] | None:
    for words in (3, 2, 1):
        found = re.match(rf"(?:[^\s:：,，]+[ ]?){{{words}}}(?=[\s:：,，]|$)", text)
        if found is None:
            continue
        name, rest = found.group().strip(), text[found.end() :].lstrip(" \t\n:：,，")
        is_word = len(name) <= 3 and name.isascii() and name not in _CODES
        if is_word and rest and text[found.end()] not in ":：":
            continue
        if language := find_language(name):
            return language, rest
    return None


async def _find_source(ctx: Context, rest: str) -> SourceText:
    """Return the text meant by a message: its own, its recording's, or that of the quoted one."""
    message, quoted = ctx.message, ctx.message.reply_to
    if rest and not message.attachment:
        return SourceText(rest)
    if message.attachment or (quoted and quoted.attachment):
        stored = await ctx.transcribe(on_progress=ctx.show_share)
        return SourceText(stored.transcript.text, stored.key)
    if quoted and quoted.job_id:
        # A reply of the bot is translated whole, however many messages it was sent in.
        job = await ctx.store.jobs.find(quoted.job_id)
        if job and job.reply and (text := job.reply.quote or job.reply.text):
            return SourceText(restore_links(text), job.reply.heard_key)
    if text := await ctx.quoted_text():
        return SourceText(restore_links(text))
    raise UserError(HOW_TO)


async def _translate(ctx: Context, text: str, target: str) -> str | None:
    """Translate part by part. Return None if all of it is in the target language already."""
    done: list[str] = []
    is_changed = is_cut = False
    parts, language = cut(text), name_language(target, "en")
    questions = [prompts.build_question(one, language, ctx.job.created_at.date()) for one in parts]
    async with ctx.answering.hold_all(questions):
        for part, question in zip(parts, questions, strict=True):
            is_last = question is questions[-1]
            answer = await ctx.answering.answer(
                question,
                on_text=_show_partial(ctx, done, part),
                on_progress=partial(_show_waiting, ctx, "\n".join(done), is_last=is_last),
            )
            is_same = prompts.is_same(answer.text) and not prompts.is_same(part)
            is_changed = is_changed or not is_same
            is_cut = is_cut or answer.is_cut
            done.append(disable_links(part) if is_same else defuse(answer.text.strip(), part))
    if not is_changed:
        return None
    translated = "\n".join(done)
    return f"{translated}\n\n{ctx.text(CUT)}" if is_cut else translated


def _show_partial(ctx: Context, done: list[str], part: str) -> OnText:
    """Return a callback that shows the finished parts and the partial text of this one."""
    addresses = find_addresses(part)

    def show(text: str) -> None:
        if not prompts.may_be_same(text):
            ctx.on_text("\n".join([*done, defuse(text, addresses)]))

    return in_steps(show)


def _show_waiting(ctx: Context, done: str, progress: Progress, *, is_last: bool) -> None:
    """Show the finished parts, and that the next one waits; how long is known of the last one."""
    ctx.on_progress(replace(progress, text=done, left_s=progress.left_s if is_last else None))


def cut(text: str) -> list[str]:
    """Return `text` in parts of whole lines; long lines are split between sentences."""
    parts: list[str] = []
    for line in text.split("\n"):
        is_long = len(line) > prompts.PART_CHARS
        size = prompts.PART_CHARS
        for piece in split_speech(line, size, first_max_chars=size) if is_long else [line]:
            if parts and not is_long and len(parts[-1]) + len(piece) < size:
                parts[-1] += f"\n{piece}"
            else:
                parts.append(piece)
    return [part for part in parts if part.strip()]


command = Command(
    mark("Translate a text or voice message: /translate German"),
    translate,
    TRANSLATION,
    usage=mark("[language] [text]"),
    arguments=(
        Argument(
            "language", mark("Into which language"), suggest=suggest_languages, template="{}:"
        ),
        Argument("text", mark("The text to translate, if there is no recording")),
    ),
    takes_audio=True,
    uses_quote=True,
    message_actions=(MessageAction(mark("Translate")),),
)
