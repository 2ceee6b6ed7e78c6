"""The context of a command: its message, the chat's settings, the pipelines and the store."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, replace
from typing import Any

from core.answering.pipeline import AnsweringPipeline
from core.clock import Clock
from core.commands.arguments import first_word
from core.errors import NotAllowed, UserError
from core.glossary import apply_to
from core.interfaces import OnText, Platform
from core.locale import mark, translate
from core.models import ChatSettings, Job, Message, SpeechSettings, Transcript
from core.safety import disable_links_in
from core.store import Store
from core.summaries.pipeline import SummaryPipeline
from core.synthesis.pipeline import OnAudio, SynthesisPipeline, SynthesisResult
from core.synthesis.voice_choice import Choices, choose_voice_style
from core.transcription.pipeline import StoredTranscript, TranscriptionPipeline

TRANSCRIPT_GONE = mark("This transcript is no longer available. Send the recording again.")


@dataclass(frozen=True, slots=True)
class Context:
    """Everything that a command may use."""

    job: Job
    platform: Platform
    transcription: TranscriptionPipeline
    synthesis: SynthesisPipeline
    answering: AnsweringPipeline
    store: Store
    clock: Clock
    #: Shows partial text in the chat, as often as the platform allows.
    on_text: OnText
    #: Plays audio while it is being made, on platforms that can.
    on_audio: OnAudio

    @property
    def message(self) -> Message:
        """The message that the command answers."""
        return self.job.message

    @property
    def settings(self) -> ChatSettings:
        """The chat's settings when the message came in."""
        return self.job.settings

    @property
    def summaries(self) -> SummaryPipeline:
        """The pipeline that summarises talk and recordings."""
        return SummaryPipeline(self.store, self.transcription, self.answering, self.platform)

    def text(self, text: str, /, **values: object) -> str:
        """Return `text` in the sender's language, with links disabled in `values`."""
        return translate(text, self.message.language, **disable_links_in(values))

    def read_choice(self, *choices: str) -> str:
        """Return which of `choices` follows the command's name, "" if nothing does.

        Raises UserError for any other word.
        """
        word = first_word(self.message.text)
        if word and word not in choices:
            raise UserError("Choose one of: {choices}", choices=", ".join(choices))
        return word

    async def require_admin(self) -> None:
        """Raise NotAllowed unless the sender may change this chat's settings."""
        if not await self.platform.is_admin(self.message):
            raise NotAllowed

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

    async def fetch(self, message: Message | None = None) -> bytes:
        """Return the recording of the message, or else of the message that it replies to.

        Raises UserError if the file is gone or its speaker has opted out, TooLong.
        """
        message = message or self.message
        if message.attachment:
            message = replace(message, reply_to=None)
        elif message.reply_to:
            await self.require_no_opt_out({message.reply_to.sender_id})
        return await self.platform.fetch(message)

    async def transcribe(
        self, *, on_text: OnText | None = None, may_be_silent: bool = False
    ) -> StoredTranscript:
        """Return what is said in the recording that `fetch` returns, with the glossary applied.

        The transcript is also remembered with its message, where the chat keeps a history.
        Raises UserError, also if there is no speech unless it `may_be_silent`; EngineError.
        """
        message = self.message
        attachment = message.attachment or (message.reply_to and message.reply_to.attachment)
        stored = await self.transcription.transcribe(
            await self.fetch(),
            language=self.settings.language,
            hint_s=attachment.duration_s if attachment else None,
            on_text=on_text,
        )
        if not (stored.transcript.text or may_be_silent):
            raise UserError("No speech was detected in this recording.")
        await self._remember(stored)
        return replace(stored, transcript=self.correct(stored.transcript))

    async def _remember(self, stored: StoredTranscript) -> None:
        """Add the transcript to the history of the chat, if it keeps one."""
        message = self.message
        if message.attachment:
            # In private only forwarded recordings are kept, to be summarised.
            is_kept = message.forwarded_from or not message.is_private
            message_id = message.message_id if is_kept else ""
        else:
            message_id = message.reply_to.message_id if message.reply_to else ""
        if message_id and (message.is_private or self.settings.talk.remember_days):
            await self.store.memory.save_transcript(
                message.chat, message_id, stored.transcript, stored.key
            )

    async def stored_transcript(self, key: str) -> Transcript:
        """Return an earlier transcript, with the glossary applied. Raises UserError if gone."""
        transcript = await self.store.results.find(key)
        if transcript is None or not transcript.text:
            raise UserError(TRANSCRIPT_GONE)
        return self.correct(transcript)

    def correct(self, transcript: Transcript) -> Transcript:
        """Return `transcript` with the chat's glossary applied."""
        return apply_to(transcript, self.settings.talk.glossary)

    async def require_no_opt_out(self, people: Set[str]) -> None:
        """Raise UserError if one of `people` (ids), other than the sender, has opted out."""
        message = self.message
        others = people - {"", message.sender_id}
        if others and await self.store.memory.opted_out(message.chat.platform, others):
            raise UserError("The speaker has opted out of transcription.")

    async def own_speech(self) -> SpeechSettings:
        """Return the voice and style that the sender has chosen."""
        message = self.message
        return await self.store.voices.choice(message.chat.platform, message.sender_id)

    async def save_own_speech(self, **changes: str) -> None:
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
    ) -> SynthesisResult:
        """Return `text` spoken in the voice and style that apply. Raises UserError, EngineError."""
        choices = await self.choices(call)
        voice_style = await choose_voice_style(
            self.store.voices, self.synthesis, choices, self.message
        )
        return await self.synthesis.synthesize(text, voice_style, on_audio=self.on_audio)
