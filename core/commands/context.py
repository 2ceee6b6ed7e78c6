"""The context of a command: its message, the chat's settings, the pipelines and the store.

It also makes the parts that the replies of several commands share.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, field, replace
from typing import Any

from core.answering.conversation import find_speaker
from core.answering.pipeline import AnsweringPipeline
from core.clock import Clock
from core.commands.arguments import name_choice, split_word
from core.errors import EngineError, NoSpeech, OverBudget, PlatformBusy, UserError
from core.glossary.apply import apply_to
from core.interfaces import OnText, Platform, Recording
from core.locale import Plural, mark, translate
from core.models import (
    JOB_ID_CHARS,
    Button,
    ChatSettings,
    Job,
    Message,
    RecordingReference,
    RepliesMode,
    Reply,
    SpeechSettings,
    Transcript,
)
from core.safety import disable_links_in
from core.stall import limit_stall
from core.store import Store
from core.summaries.pipeline import SummaryPipeline
from core.synthesis.pipeline import OnAudio, SynthesisPipeline, SynthesisResult
from core.synthesis.refusals import MAX_CHARS, describe_no_voice
from core.synthesis.voice_choice import Choices, choose_voice_style
from core.text.split import shorten
from core.transcription.options import NO_OPTIONS, StoredTranscript, TranscriptionOptions
from core.transcription.pipeline import TranscriptionPipeline
from core.transcription.progress import OnProgress, Progress
from core.transcription.subtitles import FORMATS, name_transcript

NOT_GIVEN = mark("{platform} does not give me this file. Please send it again.")
SILENT = mark("The speaker has opted out of transcription.")
OPTED_OUT = mark(
    "You have opted out: nothing that you say in chats is stored. What you ask me yourself is kept "
    "as /privacy says."
)
WITHHELD = mark("Whoever said or wrote this has opted out: it is neither transcribed nor stored.")
TRANSCRIPT_GONE = mark("This transcript is no longer available. Send the recording again.")

#: Recordings longer than this get a Summary button.
_SUMMARY_OVER_S = 60.0
#: Recordings longer than this get files with timestamps.
_FILES_OVER_S = 30.0
#: A reply does not wait longer for its voice.
_VOICE_STALL_S = 60.0
#: A platform that does not give us a file by then is not asked again: half a minute of attempts.
_FETCH_ATTEMPTS, _FETCH_S = 5, 40.0


@dataclass(frozen=True, slots=True)
class Context:
    """Everything that a command may use."""

    job: Job
    #: The message that the command answers, and the chat's settings when it came in.
    message: Message
    settings: ChatSettings
    platform: Platform
    transcription: TranscriptionPipeline
    synthesis: SynthesisPipeline
    answering: AnsweringPipeline
    store: Store
    clock: Clock
    #: Shows partial text in the chat, as often as the platform allows.
    on_text: OnText
    #: The same for a recording that is being transcribed.
    on_progress: OnProgress
    #: Plays audio while it is being made, on platforms that can.
    on_audio: OnAudio
    #: Ask before much of what is left of a budget is used; False once the person has pressed Go.
    asks_first: bool = True
    #: Name -> platform, of all that are on.
    platforms: Mapping[str, Platform] = field(default_factory=dict)
    #: The recording of an earlier job with which this one goes on, after a button.
    about: tuple[RecordingReference, ...] = ()

    @property
    def summaries(self) -> SummaryPipeline:
        """The pipeline that summarises talk and recordings."""
        pipelines = self.transcription, self.answering
        return SummaryPipeline(self.store, *pipelines, self.platform, self.on_progress)

    def show_share(self, progress: Progress) -> None:
        """Show how far a long recording is, but not its text: something else was asked for."""
        self.on_progress(replace(progress, text=""))

    def text(self, text: str | Plural, /, **values: object) -> str:
        """Return `text` in the sender's language and the platform's words.

        Links are disabled in `values`.
        """
        if values:
            values = disable_links_in(values)
        if isinstance(text, str):
            text = self.platform.wording.get(text, text)
        return translate(text, self.message.language, **values)

    def describe_limit(self) -> str:
        """Return a sentence about the size of files."""
        limit = self.platform.max_file_bytes // 10**6
        return self.text("Files up to {limit} MB.", limit=limit)

    def describe_deleted(self, count: int) -> str:
        """Return a sentence about that many deleted messages, "" for none."""
        text = Plural("{count} message was deleted.", "{count} messages were deleted.", count)
        return self.text(text) if count else ""

    def read_choice(self, *choices: str) -> str:
        """Return which of `choices` follows the command's name, "" if nothing does.

        Raises UserError for any other word.
        """
        word, _ = split_word(self.message.text)
        if word and word not in choices:
            names = (name_choice(choice, self.message.language) for choice in choices)
            raise UserError("Choose one of: {choices}", choices=self.text(", ").join(names))
        return word

    async def save_settings(self, **changes: Any) -> ChatSettings:
        """Change fields of the chat's settings, and return the settings.

        `talk` and `speech` are given as dicts of the fields to change. All others stay as they
        are now: a job may have changed them after this message came in.
        """
        chat = self.message.chat
        settings = await self.store.chats.settings(chat)
        for group in {"talk", "speech"} & changes.keys():
            changes[group] = replace(getattr(settings, group), **changes[group])
        settings = replace(settings, **changes)
        await self.store.chats.save_settings(chat, settings)
        return settings

    async def fetch(self, message: Message | None = None) -> Recording:
        """Return the recording of the message, or else of the message that it replies to.

        Raises UserError if the file is gone or its speaker has opted out, TooLong.
        """
        message = message or self.message
        if message.attachment:
            message = replace(message, reply_to=None)
        if message.reply_to or message.origin_id:
            await self.require_no_opt_out((message.reply_to or message).author_ids)
        self.transcription.expect()
        try:
            return await self.platform.fetch(message)
        except PlatformBusy as error:
            age_s = (self.clock.now() - self.job.created_at).total_seconds()
            is_late = age_s > _FETCH_S and self.job.attempts > 1
            if error.retry_after_s is None and (is_late or self.job.attempts >= _FETCH_ATTEMPTS):
                raise UserError(NOT_GIVEN, platform=self.platform.name.title()) from None
            raise

    async def transcribe(
        self,
        *,
        on_progress: OnProgress | None = None,
        may_be_silent: bool = False,
        options: TranscriptionOptions = NO_OPTIONS,
    ) -> StoredTranscript:
        """Return what is said in the recording that `fetch` returns, with the glossary applied.

        A chat's history keeps it. Raises EngineError, UserError, NoSpeech unless `may_be_silent`.
        """
        message, talk = self.message, self.settings.talk
        source = message.reply_to if message.reply_to and not message.attachment else message
        asks_first = self.asks_first and (message.is_private or not message.is_unasked)
        stored = await self.transcription.transcribe(
            await self.fetch(),
            language=await self.spoken_language("" if message.forwarded_from else source.sender_id),
            hint_s=source.attachment.duration_s if source.attachment else None,
            on_progress=on_progress,
            options=replace(options, asks_first=asks_first),
        )
        if not ((found := stored.transcript).text or may_be_silent):
            raise NoSpeech(can_insist=found.is_silent)
        # Of recordings sent in private only forwarded ones are kept, to be summarised.
        is_kept_in_private = message.forwarded_from or source is not message
        if source.message_id and (is_kept_in_private if message.is_private else talk.remember_days):
            save = self.store.memory.save_transcript
            await save(message.chat, source.message_id, found, stored.key)
        corrected = self.correct(found, source.speaker_id) if talk.glossary else found
        return replace(stored, transcript=corrected)

    async def spoken_language(self, person_id: str) -> str | None:
        """Return the language of a person's recordings: their own, or the chat's; None = detect."""
        own = await self.store.voices.choice(self.message.chat.platform, person_id)
        return own.language or self.settings.language

    async def stored_transcript(self, key: str) -> Transcript:
        """Return a button's transcript, with the glossary applied. Raises UserError if gone."""
        transcript = await self.store.results.find(key)
        if transcript is None or not transcript.text:
            raise UserError(TRANSCRIPT_GONE)
        under = await self.store.jobs.find(self.message.button[:JOB_ID_CHARS])
        return self.correct(transcript, find_speaker(under) if under else "")

    def correct(self, transcript: Transcript, speaker_id: str) -> Transcript:
        """Return `transcript` with the glossary applied, as far as it holds for the speaker."""
        return apply_to(transcript, self.settings.talk.glossary, speaker_id)

    async def require_no_opt_out(self, people: Set[str], refusal: str = SILENT) -> None:
        """Raise UserError if one of `people` (ids), other than the sender, has opted out."""
        message = self.message
        others = people - {"", message.sender_id}
        if others and await self.store.memory.opted_out(message.chat.platform, others):
            raise UserError(refusal)

    async def quoted_text(self) -> str:
        """Return the text that the message replies to, "" for none.

        Raises UserError if its author, other than the sender, has opted out.
        """
        quoted = self.message.reply_to
        await self.require_no_opt_out(quoted.author_ids if quoted else frozenset(), WITHHELD)
        return quoted.text if quoted else ""

    async def own_speech(self) -> SpeechSettings:
        """Return the voice and style that the sender has chosen."""
        message = self.message
        return await self.store.voices.choice(message.chat.platform, message.sender_id)

    async def save_own_speech(self, **changes: Any) -> None:
        """Change the voice or style that the sender has chosen."""
        message, speech = self.message, replace(await self.own_speech(), **changes)
        await self.store.voices.save_choice(message.chat.platform, message.sender_id, speech)

    async def choices(self, call: SpeechSettings = SpeechSettings()) -> Choices:  # noqa: B008
        """Return the voices and styles chosen for this call, by the sender and for the chat."""
        return Choices(call, await self.own_speech(), self.settings.speech)

    async def synthesize(
        self,
        text: str,
        call: SpeechSettings = SpeechSettings(),  # noqa: B008
        on_progress: OnProgress | None = None,
    ) -> SynthesisResult:
        """Return `text` spoken in the voice and style that apply. Raises UserError, EngineError."""
        choices = await self.choices(call)
        voices, synthesis = self.store.voices, self.synthesis
        voice_style = await choose_voice_style(voices, synthesis, choices, self.message)
        return await synthesis.synthesize(
            text, voice_style, on_audio=self.on_audio, on_progress=on_progress
        )

    async def add_voice(self, reply: Reply) -> Reply:
        """Return `reply` with a voice message, or with a Listen button, as the chat has chosen.

        If synthesis fails, the reply stays text only.
        """
        if not reply.aloud:
            return reply
        mode, is_voice_in = self.settings.replies, self.message.attachment is not None
        is_wanted = mode is RepliesMode.ALWAYS or (mode is RepliesMode.AUTO and is_voice_in)
        if not self.synthesis.synthesizer.voices():
            return reply
        # A transcript is not read back to those who have just sent the recording.
        if not is_wanted or self.job.command == "transcribe":
            button = Button(self.text("Listen"), "listen", reply.aloud)
            # Files come last.
            buttons = sorted((*reply.buttons, button), key=lambda one: one.command == "text_file")
            return replace(reply, buttons=tuple(buttons))
        try:
            async with limit_stall(_VOICE_STALL_S):
                result = await self.synthesize(shorten(reply.aloud, MAX_CHARS))
        except (EngineError, OverBudget) as error:
            note = describe_no_voice(error, self.message.language)
            return replace(reply, text=f"{reply.text}\n\n{note}".strip())
        return replace(reply, files=(*reply.files, result.file))

    def transcript_buttons(self, stored: StoredTranscript) -> tuple[Button, ...]:
        """Return the buttons under a transcript, the most used first."""
        transcript, key = stored.transcript, stored.key
        is_reply_fix = self.job.command == "transcribe"  # elsewhere a reply is a further question
        has_times = len(transcript.segments) > 1 or transcript.duration_s > _FILES_OVER_S
        of = f"{key} {name_transcript(self.message)}" if has_times else ""
        can_translate = self.answering.answerer.limits.can_translate
        offers = (
            (transcript.duration_s > _SUMMARY_OVER_S, Button(self.text("Summary"), "brief", key)),
            (can_translate, Button(self.text("Translate"), "translate", key)),
            (True, Button(self.text("Ask"), "ask_about", key)),
            (is_reply_fix, Button(self.text("Fix"), "fix")),
            *((has_times, Button(f".{form}", "text_file", f"{form} {of}")) for form in FORMATS),
        )
        return tuple(button for is_offered, button in offers if is_offered)
