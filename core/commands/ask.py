"""/ask: a question about a recording or a text, and the questions that follow its answer."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

from core.answering import prompt as prompts
from core.answering.conversation import Topic, find_topic, is_spoken, quote
from core.commands import Command
from core.commands.arguments import Argument, MessageAction
from core.commands.context import Context, in_steps, offer_uses
from core.errors import AudioNotSupported, EngineError, TooLong, UserError
from core.glossary import apply_to
from core.locale import mark
from core.models import Answer, Audio, NoteMode, RecordingReference, Reply, Transcript
from core.safety import defuse, disable_links, find_addresses, restore_links
from core.summaries.format import EXTRACT
from core.transcription.pipeline import StoredTranscript

HELP = mark("Ask about a recording or a text: answer it with your question")

HOW = mark("Answer a recording with /ask and your question: /ask What did they agree on?")
TONE = mark("This rests on how it sounds, not on what is said.")
THOUGHT = mark("The engine gave its thoughts only, no answer.")
CUT = mark("The answer was too long for the service: its end is missing.")
GONE = mark("For that I would have to hear the recording again, and I no longer have it.")
NOTHING = mark("In that message there is nothing that I can hear or read.")
NO_URLS = mark("I open no addresses. Send me the recording itself.")

_SOUND_URL = re.compile(
    r"https?://(?!\d+\.\d+\.\d+\.\d+\b)(?:[\w-]+\.)+[a-z]{2,}(?::\d+)?/\S+\.(?:mp3|wav|flac|m4a|ogg)"
    r"(?:\?\S*)?",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class AskResult:
    """An answer, what it was given, and the recordings it is about."""

    answer: Answer
    case: prompts.QuestionInput
    subjects: tuple[RecordingReference, ...] = ()


class SoundGone(UserError):
    """The platform does not give out the sound, now or any more."""


async def ask(ctx: Context) -> Reply:
    """Answer the question; one that was spoken is shown first."""
    spoken = await _hear_question(ctx) if is_spoken(ctx.job) else None
    words = spoken.transcript.text if spoken else ctx.message.text.strip()
    if not words:
        raise UserError(HOW)
    urls = () if spoken else _find_urls(ctx, words)
    topic = await find_topic(ctx.store, ctx.job)
    if urls and not ctx.message.reply_to:
        topic = replace(topic, subjects=())
    if ctx.message.reply_to and not (topic.subjects or topic.text or topic.exchanges or urls):
        raise UserError(NOTHING)
    await ctx.require_willing({subject.sender_id for subject in topic.subjects})
    settings = ctx.settings.talk
    case = prompts.QuestionInput(
        words,
        ctx.job.created_at.date(),
        text=topic.text,
        exchanges=topic.exchanges,
        is_thinking=settings.is_thinking,
    )
    outcome = await AnswerAttempt(ctx, topic, urls).answer(case)
    return _show(ctx, outcome, spoken)


async def _hear_question(ctx: Context) -> StoredTranscript:
    data = await ctx.fetch(replace(ctx.message, reply_to=None))
    heard = await ctx.transcription.transcribe(data, language=ctx.settings.language)
    if not heard.transcript.text:
        raise UserError("I heard no speech in this recording.")
    await ctx.remember(heard)
    return replace(heard, transcript=apply_to(heard.transcript, ctx.settings.talk.glossary))


def _find_urls(ctx: Context, words: str) -> tuple[Audio, ...]:
    """Return the sounds that the question names, for the engine's service to fetch."""
    urls = _SOUND_URL.findall(words)
    if urls and not ctx.answering.can_fetch_urls:
        raise UserError(NO_URLS)
    return tuple(Audio(b"", "", 0.0, url) for url in urls)


class AnswerAttempt:
    """One question on its way to the engine: with the sound, or with its words."""

    def __init__(self, ctx: Context, topic: Topic, urls: tuple[Audio, ...]) -> None:
        self._ctx, self._urls = ctx, urls
        self._topic = topic

    async def answer(self, case: prompts.QuestionInput) -> AskResult:
        """Return the answer. Sound goes out once at most, and not where the words will do."""
        topic = self._topic
        if not (topic.subjects or self._urls):
            return await self._ask(case)
        takes_audio = self._ctx.answering.takes_audio
        if takes_audio and not topic.is_followed:
            try:
                return await self._keep_words(await self._ask_with_sound(case))
            except AudioNotSupported:
                takes_audio = False
            except SoundGone:
                if not all(subject.heard for subject in topic.subjects):
                    raise
        return await self._ask_with_words(case, takes_audio=takes_audio)

    async def _ask_with_sound(self, case: prompts.QuestionInput) -> AskResult:
        sounds = [await self._prepare(subject) for subject in self._topic.subjects]
        return await self._ask(replace(case, audios=(*sounds, *self._urls), may_listen=False))

    async def _ask_with_words(self, case: prompts.QuestionInput, *, takes_audio: bool) -> AskResult:
        try:
            case = replace(case, transcripts=await self._hear_all(), may_listen=takes_audio)
        except SoundGone:
            if not case.exchanges:
                raise
            # What was said of it before is all that is left.
            return await self._ask(case)
        if takes_audio and not any(transcript.text for transcript in case.transcripts):
            return await self._ask_with_sound(replace(case, transcripts=()))
        told = await self._ask(case)
        if not (takes_audio and prompts.wants_sound(told.answer.text)):
            return told
        try:
            return await self._ask_with_sound(replace(case, transcripts=()))
        except SoundGone:
            raise UserError(GONE) from None
        except AudioNotSupported:
            return await self._ask(replace(case, may_listen=False))

    async def _keep_words(self, outcome: AskResult) -> AskResult:
        """Write down an upload that is ours until the job ends: further questions need its words.

        One that cannot be written down costs those questions only.
        """
        chat, message_id = self._ctx.message.chat, self._ctx.message.message_id
        if await self._ctx.store.intake.blob(chat, message_id) is None:
            return outcome
        with suppress(EngineError, UserError):
            await self._hear_all()
        return replace(outcome, subjects=self._topic.subjects)

    async def _hear_all(self) -> tuple[Transcript, ...]:
        """Return what the recordings say; note the keys under which that is kept."""
        heard = [await self._hear(subject) for subject in self._topic.subjects]
        self._topic = replace(self._topic, subjects=tuple(subject for subject, _ in heard))
        return tuple(transcript for _, transcript in heard)

    async def _hear(self, subject: RecordingReference) -> tuple[RecordingReference, Transcript]:
        ctx = self._ctx
        found = await ctx.store.results.find(subject.heard) if subject.heard else None
        if found is None:
            hint_s = subject.attachment.duration_s
            data = await self._fetch(subject)
            heard = await ctx.transcription.transcribe(
                data, language=ctx.settings.language, hint_s=hint_s
            )
            subject, found = replace(subject, heard=heard.key), heard.transcript
        return subject, apply_to(found, ctx.settings.talk.glossary)

    async def _prepare(self, subject: RecordingReference) -> Audio:
        data = await self._fetch(subject)
        hint_s = subject.attachment.duration_s
        return await self._ctx.answering.prepare(data, hint_s=hint_s)

    async def _fetch(self, subject: RecordingReference) -> bytes:
        try:
            return await self._ctx.fetch(quote(self._ctx.message, subject))
        except TooLong:
            raise
        except UserError as error:
            raise SoundGone(error.user_text, **error.values) from None

    async def _ask(self, case: prompts.QuestionInput) -> AskResult:
        clean = make_clean(case)

        def show(text: str) -> None:
            is_mark = text.lstrip()[:1] in "([（【" and len(text) < 8
            if not (is_mark or (case.may_listen and prompts.may_want_sound(text))):
                self._ctx.on_text(clean(prompts.read_tone(text)[0].strip()))

        question = prompts.build_question(case)
        answer = await self._ctx.answering.answer(question, on_text=in_steps(show))
        return AskResult(answer, case, self._topic.subjects)


def make_clean(case: prompts.QuestionInput) -> Callable[[str], str]:
    """Return what makes an answer safe to be shown.

    An address that nothing in the text had is left out, but where the engine heard the sound
    itself: it may have been said there, so it stays, dead.
    """
    if case.audios:
        return lambda text: disable_links(restore_links(text))
    addresses = find_addresses(prompts.known(case))
    return lambda text: defuse(text, addresses)


def _show(ctx: Context, outcome: AskResult, spoken: StoredTranscript | None) -> Reply:
    answer, case = outcome.answer, outcome.case
    said, is_tone = prompts.read_tone(answer.text)
    text = make_clean(case)(said.strip())
    notes = {
        TONE: is_tone and bool(case.audios),
        THOUGHT: answer.is_thought,
        CUT: answer.is_cut,
        EXTRACT: answer.is_extract,
    }
    is_both = ctx.message.is_private and ctx.settings.talk.notes is NoteMode.BOTH
    lines = [text, *(ctx.text(note) for note, applies in notes.items() if applies)]
    return Reply(
        "\n\n".join(lines),
        spoken.transcript.text if spoken else "",
        buttons=offer_uses(ctx, spoken.transcript, spoken.key) if spoken and is_both else (),
        aloud=text,
        is_quote_first=spoken is not None,
        heard_key=spoken.key if spoken else "",
        about=outcome.subjects,
    )


command = Command(
    HELP,
    ask,
    usage="question",
    arguments=(Argument("question", mark("What you want to know"), is_required=True),),
    takes_audio=True,
    message_actions=(MessageAction(mark("Ask about this"), argument="question"),),
)
