"""/ask: a question about a recording or a text, and follow-up questions."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

from core.answering import prompt as prompts
from core.answering.conversation import Topic, find_topic, is_spoken, quote
from core.answering.pipeline import in_steps
from core.commands import ANSWER, Command
from core.commands.arguments import Argument, MessageAction
from core.commands.context import Context
from core.errors import AudioNotSupported, EngineError, TooLong, UserError
from core.interfaces import Recording
from core.locale import mark
from core.models import (
    Answer,
    Audio,
    Chat,
    Message,
    NoteMode,
    RecordingReference,
    Reply,
    Transcript,
)
from core.safety import defuse, disable_links, find_addresses, restore_links
from core.summaries.format import EXTRACT
from core.text.public_url import is_public_url
from core.transcription.options import StoredTranscript, TranscriptionOptions

HOW_TO = mark("Reply to a recording with /ask and your question: /ask What did they agree on?")
TONE = mark("This is based on how it sounds, not on the words.")
THOUGHT = mark("These are only the language model's thoughts: it gave no answer. Please ask again.")
CUT = mark("The answer was cut off: it exceeded the length limit.")
GONE = mark("That needs the recording itself, which is no longer available. Please send it again.")
NOTHING = mark("That message contains nothing I can listen to or read.")
NO_URLS = mark("I can't open links. Please send the recording itself.")
NOT_PUBLIC = mark("This link does not lead to a public website. Please send the recording itself.")

_AUDIO_URL = re.compile(
    r"https?://(?!\d+\.\d+\.\d+\.\d+\b)(?:[\w-]+\.)+[a-z]{2,}(?::\d+)?/\S+\.(?:mp3|wav|flac|m4a|ogg)"
    r"(?:\?\S*)?",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class AskResult:
    """An answer, what the engine was given, and the recordings it is about."""

    answer: Answer
    given: prompts.QuestionInput
    recordings: tuple[RecordingReference, ...] = ()


class RecordingGone(UserError):
    """The platform does not give out the recording, now or any more."""


async def ask(ctx: Context) -> Reply:
    """Reply with the answer; a spoken question is quoted above it."""
    if ctx.message.reply_to and not ctx.message.reply_to.attachment:
        await ctx.quoted_text()  # its author may have opted out
    is_note = is_spoken(ctx.job)
    spoken = await ctx.transcribe(on_progress=ctx.show_share) if is_note else None
    question = spoken.transcript.text if spoken else ctx.message.text.strip()
    if not question:
        raise UserError(HOW_TO)
    urls = () if spoken else _find_urls(ctx, question)
    topic = await find_topic(ctx.store, ctx.job)
    if urls and not ctx.message.reply_to:
        topic = replace(topic, subjects=())
    if ctx.message.reply_to and not (topic.subjects or topic.text or topic.exchanges or urls):
        raise UserError(NOTHING)
    authors = (recording.author_ids for recording in topic.subjects)
    await ctx.require_no_opt_out(frozenset().union(*authors))
    given = prompts.QuestionInput(
        question,
        ctx.job.created_at.date(),
        text=topic.text,
        exchanges=topic.exchanges,
        is_thinking=ctx.settings.talk.is_thinking,
    )
    result = await AnswerAttempt(ctx, topic, urls).answer(given)
    return _build_reply(ctx, result, spoken)


def _find_urls(ctx: Context, question: str) -> tuple[Audio, ...]:
    """Return the recordings that the question links to, to be downloaded by the engine."""
    urls = _AUDIO_URL.findall(question)
    if urls and not ctx.answering.can_fetch_urls:
        raise UserError(NO_URLS)
    if not all(map(is_public_url, urls)):
        raise UserError(NOT_PUBLIC)
    return tuple(Audio(b"", "", 0.0, url) for url in urls)


class AnswerAttempt:
    """Answers one question with the audio of its recordings, or with their transcripts."""

    def __init__(self, ctx: Context, topic: Topic, urls: tuple[Audio, ...]) -> None:
        self._ctx, self._urls = ctx, urls
        self._topic = topic

    async def answer(self, given: prompts.QuestionInput) -> AskResult:
        """Return the answer. Audio is sent once at most, and not if the transcripts will do."""
        topic = self._topic
        if not (topic.subjects or self._urls):
            return await self._ask(given)
        takes_audio = self._ctx.answering.takes_audio
        if takes_audio and not (topic.is_follow_up or await self._is_edited()):
            try:
                return await self._transcribe_upload(await self._ask_with_audio(given))
            except AudioNotSupported:
                takes_audio = False
            except RecordingGone:
                if not all(recording.heard for recording in topic.subjects):
                    raise
        return await self._ask_with_transcripts(given, takes_audio=takes_audio)

    async def _is_edited(self) -> bool:
        """Return whether a person edited a transcript: then it counts, not the recording."""
        keys = [one.heard for one in self._topic.subjects if one.heard]
        found = [await self._ctx.store.results.find(key) for key in keys]
        return any(transcript.edited_from for transcript in found if transcript)

    async def _ask_with_audio(self, given: prompts.QuestionInput) -> AskResult:
        audios = [
            await self._ctx.answering.prepare(
                await self._fetch(recording), hint_s=recording.attachment.duration_s
            )
            for recording in self._topic.subjects
        ]
        return await self._ask(replace(given, audios=(*audios, *self._urls), may_listen=False))

    async def _ask_with_transcripts(
        self, given: prompts.QuestionInput, *, takes_audio: bool
    ) -> AskResult:
        try:
            given = replace(given, transcripts=await self._transcribe_all(), may_listen=takes_audio)
        except RecordingGone:
            if not given.exchanges:
                raise
            # The earlier answers about it are all that is left.
            return await self._ask(given)
        if takes_audio and not any(transcript.text for transcript in given.transcripts):
            return await self._ask_with_audio(replace(given, transcripts=()))
        result = await self._ask(given)
        if not (takes_audio and prompts.wants_audio(result.answer.text)):
            return result
        try:
            return await self._ask_with_audio(replace(given, transcripts=()))
        except RecordingGone:
            raise UserError(GONE) from None
        except AudioNotSupported:
            return await self._ask(replace(given, may_listen=False))

    async def _transcribe_upload(self, result: AskResult) -> AskResult:
        """Transcribe an upload that is stored only until the job ends, for later questions.

        If that fails, only later questions suffer.
        """
        chat, message_id = self._ctx.message.chat, self._ctx.message.message_id
        if await self._ctx.store.recordings.find(chat, message_id) is None:
            return result
        with suppress(EngineError, UserError):
            await self._transcribe_all()
        return replace(result, recordings=self._topic.subjects)

    async def _transcribe_all(self) -> tuple[Transcript, ...]:
        """Return the transcripts of the recordings, and note their keys in the topic."""
        found = [await self._transcribe(recording) for recording in self._topic.subjects]
        self._topic = replace(self._topic, subjects=tuple(recording for recording, _ in found))
        return tuple(transcript for _, transcript in found)

    async def _transcribe(
        self, recording: RecordingReference
    ) -> tuple[RecordingReference, Transcript]:
        ctx = self._ctx
        transcript = await ctx.store.results.find(recording.heard) if recording.heard else None
        if transcript is None:
            stored = await ctx.transcription.transcribe(
                await self._fetch(recording),
                language=await ctx.spoken_language(recording.sender_id),
                hint_s=recording.attachment.duration_s,
                on_progress=ctx.show_share,
                options=TranscriptionOptions(asks_first=ctx.asks_first),
            )
            recording, transcript = replace(recording, heard=stored.key), stored.transcript
        return recording, ctx.correct(transcript, recording.speaker_id)

    async def _fetch(self, recording: RecordingReference) -> Recording:
        try:
            return await self._ctx.fetch(quote(self._ctx.message, recording))
        except TooLong:
            raise
        except UserError as error:
            raise RecordingGone(error.user_text, **error.values) from None

    async def _ask(self, given: prompts.QuestionInput) -> AskResult:
        sanitize = build_sanitizer(given)

        def show(text: str) -> None:
            is_tone_label = text.lstrip()[:1] in "([（【" and len(text) < 8
            if not (is_tone_label or (given.may_listen and prompts.may_want_audio(text))):
                self._ctx.on_text(sanitize(prompts.read_tone(text)[0].strip()))

        question = prompts.build_question(given)
        answer = await self._ctx.answering.answer(
            question, on_text=in_steps(show), on_progress=self._ctx.show_share
        )
        return AskResult(answer, given, self._topic.subjects)


def build_sanitizer(given: prompts.QuestionInput) -> Callable[[str], str]:
    """Return a function that makes an answer safe to show.

    Addresses that are nowhere in the given texts are removed. If the engine was given audio they
    may have been spoken there: they stay, as text that is no link.
    """
    if given.audios:
        return lambda text: disable_links(restore_links(text))
    addresses = find_addresses(prompts.source_text(given))
    return lambda text: defuse(text, addresses)


def _build_reply(ctx: Context, result: AskResult, spoken: StoredTranscript | None) -> Reply:
    answer, given = result.answer, result.given
    text, is_tone = prompts.read_tone(answer.text)
    text = build_sanitizer(given)(text.strip())
    notes = {
        TONE: is_tone and bool(given.audios),
        THOUGHT: answer.is_thought,
        CUT: answer.is_cut,
        EXTRACT: answer.is_extract,
    }
    is_both = ctx.message.is_private and ctx.settings.talk.notes is NoteMode.BOTH
    lines = [text, *(ctx.text(note) for note, applies in notes.items() if applies)]
    return Reply(
        "\n\n".join(lines),
        spoken.transcript.text if spoken else "",
        buttons=ctx.transcript_buttons(spoken) if spoken and is_both else (),
        aloud=text,
        is_quote_first=spoken is not None,
        is_markdown=True,
        heard_key=spoken.key if spoken else "",
        about=result.recordings,
    )


def read_history(message: Message) -> Chat | None:
    """Return the chat of a message: a question with nothing to it is about the last recording."""
    return None if message.reply_to or message.attachment else message.chat


command = Command(
    mark("Ask about a recording or text: reply to it with your question"),
    ask,
    ANSWER,
    usage=mark("question"),
    arguments=(Argument("question", mark("Your question"), is_required=True),),
    takes_audio=True,
    uses_quote=True,
    history=read_history,
    message_actions=(MessageAction(mark("Ask about this"), argument="question"),),
)
