"""/translate: a text or a recording in another language, by default the person's own."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, replace

from core.answering import translation_prompt as prompts
from core.commands import Command
from core.commands.arguments import Argument, MessageAction, suggest_languages
from core.commands.context import Context, in_steps
from core.errors import UserError
from core.glossary import apply_to
from core.locale import mark
from core.locale.languages import find_language, name_language
from core.models import Reply, Transcript
from core.safety import defuse, disable_links, find_addresses, restore_links
from core.text.scripts import guess_language
from core.text.split import split_speech
from core.transcription.pipeline import OnText, StoredTranscript

HELP = mark("Translate a text or a voice note, into your language or another: /translate German")

HOW = mark(
    "Answer a text or a voice note with /translate, or put the text behind it: "
    "/translate German Good morning"
)
SAME = mark("This is in {language} already. For another: /translate German")
OFFLINE = mark("No engine that translates is set up here.")
CUT = mark("The translation was too long for the service: its end is missing.")

#: The key of a transcript: what the button carries.
_KEY = re.compile(r"[0-9a-f]{64}")
_INTO = re.compile(
    r"(?:in)?to\s+|into\s+|ins?\s+|nach\s+|auf\s+|(?:翻译)?[成为到]\s*", re.IGNORECASE
)
#: Codes that are no common words; the others count alone, or with a colon.
_CODE_WORDS = "en de es fr pt ru zh ja ko ar tr pl uk nl sv cs vi th fa"
_CODES = frozenset(_CODE_WORDS.split())
#: Longer translations are folded.
_SHORT_CHARS = 1000


@dataclass(frozen=True, slots=True)
class Material:
    """What is to be translated, and the key of the transcript if it was said."""

    text: str
    heard_key: str = ""


async def translate(ctx: Context) -> Reply:
    """Answer with the translation."""
    if not ctx.answering.answerer.limits.can_translate:
        raise UserError(OFFLINE)
    is_press = ctx.message.button and _KEY.fullmatch(ctx.message.text)
    # A thread: names of languages are read from files the first time.
    target, rest = (
        (None, "") if is_press else await asyncio.to_thread(read_target, ctx.message.text)
    )
    target = target or ctx.message.language or "en"
    material = await (_find_pressed(ctx) if is_press else _find(ctx, rest))
    text = None
    if not (target == "zh" == guess_language(material.text)):
        text = await _translate(ctx, material.text, target)
    if text is None:
        name = name_language(target, ctx.message.language)
        return Reply(ctx.text(SAME, language=name))
    is_short = len(text) <= _SHORT_CHARS
    shown = Reply(text) if is_short else Reply(quote=text)
    return replace(shown, aloud=text, heard_key=material.heard_key)


def read_target(text: str) -> tuple[str | None, str]:
    """Return the language (BCP 47) that a text begins with, None if it names none, and the rest.

    "German", "to de", "中文 Good morning", "is: Good morning". Codes that are words too, such as
    "is", name a language only where nothing follows, or a colon.
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


async def _find_pressed(ctx: Context) -> Material:
    heard = await ctx.store.results.find(ctx.message.text)
    if heard is None:
        raise UserError("I no longer have this transcript. Send the recording again.")
    return _read(ctx, StoredTranscript(ctx.message.text, heard))


async def _find(ctx: Context, rest: str) -> Material:
    """Return what the message means: its own text, its recording, or what it answers."""
    message, quoted = ctx.message, ctx.message.reply_to
    attachment = message.attachment or (quoted.attachment if quoted else None)
    if rest and not message.attachment:
        return Material(rest)
    if attachment:
        data = await ctx.fetch()
        heard = await ctx.transcription.transcribe(
            data, language=ctx.settings.language, hint_s=attachment.duration_s
        )
        await ctx.remember(heard)
        return _read(ctx, heard)
    if quoted and quoted.job_id:
        # Our own message whole, however many parts it was sent in.
        job = await ctx.store.jobs.find(quoted.job_id)
        if job and job.reply and (said := job.reply.quote or job.reply.text):
            return Material(restore_links(said), job.reply.heard_key)
    if quoted and quoted.text:
        return Material(restore_links(quoted.text))
    raise UserError(HOW)


def _read(ctx: Context, heard: StoredTranscript) -> Material:
    transcript: Transcript = apply_to(heard.transcript, ctx.settings.talk.glossary)
    if not transcript.text:
        raise UserError("I heard no speech in this recording.")
    return Material(transcript.text, heard.key)


async def _translate(ctx: Context, text: str, target: str) -> str | None:
    """Return the translation part by part, None where there is nothing to translate."""
    done: list[str] = []
    is_changed, notes = False, set()
    for part in cut(text):
        question = prompts.build_question(
            part, name_language(target, "en"), ctx.job.created_at.date()
        )
        answer = await ctx.answering.answer(question, on_text=_listener(ctx, done, part))
        is_same = prompts.is_same(answer.text) and not prompts.is_same(part)
        is_changed = is_changed or not is_same
        done.append(disable_links(part) if is_same else defuse(answer.text.strip(), part))
        notes |= {CUT} if answer.is_cut else set()
    if not is_changed:
        return None
    return "\n\n".join(["\n".join(done), *map(ctx.text, sorted(notes))])


def _listener(ctx: Context, done: list[str], part: str) -> OnText:
    """Return what is called with the part so far."""
    addresses = find_addresses(part)

    def show(text: str) -> None:
        if not prompts.may_be_same(text):
            ctx.on_text("\n".join([*done, defuse(text, addresses)]))

    return in_steps(show)


def cut(text: str) -> list[str]:
    """Return `text` in parts of whole lines, or of whole sentences where a line is long."""
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
    HELP,
    translate,
    usage="[language] [text]",
    arguments=(
        Argument(
            "language", mark("Into which language"), suggest=suggest_languages, template="{}:"
        ),
        Argument("text", mark("The text; without one, a recording")),
    ),
    takes_audio=True,
    message_actions=(MessageAction(mark("Translate")),),
)
