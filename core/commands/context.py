"""What a command is given, and what commands share: answers aloud, buttons under transcripts."""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass, replace

from core.answering.pipeline import AnsweringPipeline
from core.clock import Clock
from core.errors import EngineError, NotAllowed, UserError
from core.interfaces import Platform
from core.locale import mark, translate
from core.models import (
    Button,
    ChatSettings,
    Job,
    Message,
    RepliesMode,
    Reply,
    SpeechSettings,
    Transcript,
)
from core.safety import disable_links_in
from core.store import Store
from core.summaries.pipeline import SummaryPipeline
from core.synthesis.pipeline import MAX_CHARS, OnAudio, SynthesisPipeline, SynthesisResult
from core.synthesis.voice_choice import Choices, choose_voice_style
from core.text.split import shorten
from core.transcription.pipeline import OnText, StoredTranscript, TranscriptionPipeline

LISTEN = mark("Listen")
#: What is longer than this can be summed up.
SUMMARY_OVER_S = 60.0
#: How much more must have come of an answer before it is shown again.
_STEP_CHARS = 24


def in_steps(show: OnText) -> OnText:
    """Return what calls `show` with a text that has grown by a step, or that begins anew.

    To clean a text costs more than to receive a few letters of it.
    """
    shown_chars = 0

    def listen(text: str) -> None:
        nonlocal shown_chars
        if not 0 <= len(text) - shown_chars < _STEP_CHARS:
            shown_chars = len(text)
            show(text)

    return listen


@dataclass(frozen=True, slots=True)
class Context:
    """All that a command may touch."""

    job: Job
    platform: Platform
    transcription: TranscriptionPipeline
    synthesis: SynthesisPipeline
    answering: AnsweringPipeline
    store: Store
    clock: Clock
    #: Call it with the text so far: it is shown as soon as the platform allows.
    on_text: OnText
    #: Call it with sound as it comes: it is heard at once where the platform can.
    on_audio: OnAudio

    @property
    def settings(self) -> ChatSettings:
        """What the chat has chosen."""
        return self.job.settings

    @property
    def message(self) -> Message:
        """The message that asks."""
        return self.job.message

    def text(self, text: str, /, **values: object) -> str:
        """Return `text` in the sender's language; words of people in it link nowhere."""
        return translate(text, self.message.language, **disable_links_in(values))

    async def person(self) -> SpeechSettings:
        """Return what the sender has chosen for themselves."""
        message = self.message
        return await self.store.voices.choice(message.chat.platform, message.sender_id)

    async def choices(self, call: SpeechSettings = SpeechSettings()) -> Choices:  # noqa: B008
        """Return what was chosen of how to speak; call: for this one time."""
        return Choices(call, await self.person(), self.settings.speech)

    async def synthesize(
        self,
        text: str,
        call: SpeechSettings = SpeechSettings(),  # noqa: B008
    ) -> SynthesisResult:
        """Say `text` in the voice and style that apply. Raises UserError, EngineError."""
        choices = await self.choices(call)
        voice_style = await choose_voice_style(
            self.store.voices, self.synthesis, choices, self.message
        )
        return await self.synthesis.synthesize(text, voice_style, on_audio=self.on_audio)

    async def fetch(self, message: Message | None = None) -> bytes:
        """Return the sound of the message, or of the one it quotes.

        Raises UserError where another person said it and does not want that, TooLong.
        """
        message = message or self.message
        if message.reply_to and not message.attachment:
            await self.require_willing({message.reply_to.sender_id})
        return await self.platform.fetch(message)

    async def remember(self, heard: StoredTranscript) -> None:
        """Keep what the message's recording says, or the quoted one's, if that is remembered."""
        message = self.message
        if message.attachment:
            is_kept = message.forwarded_from or not message.is_private
            message_id = message.message_id if is_kept else ""
        else:
            message_id = message.reply_to.message_id if message.reply_to else ""
        if message_id and (message.is_private or self.settings.talk.remember_days):
            await self.store.memory.save_transcript(
                message.chat, message_id, heard.transcript, heard.key
            )

    async def require_willing(self, people: Set[str]) -> None:
        """Raise UserError where one of them, not the sender, wants nothing to be written down.

        people: ids, "" for nobody who is known.
        """
        message = self.message
        others = people - {"", message.sender_id}
        if others and await self.store.memory.opted_out(message.chat.platform, others):
            raise UserError("Whoever said this does not want it to be written down.")

    @property
    def summaries(self) -> SummaryPipeline:
        """What sums up talks and recordings."""
        return SummaryPipeline(self.store, self.transcription, self.answering, self.platform)

    async def require_admin(self) -> None:
        """Raise NotAllowed unless the sender may change this chat's settings."""
        if not await self.platform.is_admin(self.message):
            raise NotAllowed


async def add_voice(ctx: Context, reply: Reply) -> Reply:
    """Say the answer as well where the chat wants that; else offer to, with a button.

    An engine that fails to speak costs the voice only: the text is the answer.
    """
    if not reply.aloud:
        return reply
    mode, is_voice_in = ctx.settings.replies, ctx.message.attachment is not None
    wants = mode is RepliesMode.ALWAYS or (mode is RepliesMode.AUTO and is_voice_in)
    if not wants or ctx.job.command == "transcribe":
        # What was only just heard is not said again by itself.
        button = Button(ctx.text(LISTEN), "listen", reply.aloud)
        return replace(reply, buttons=(*reply.buttons, button))
    try:
        spoken = await ctx.synthesize(shorten(reply.aloud, MAX_CHARS))
    except EngineError:
        note = ctx.text("I could not say it aloud this time.")
        return replace(reply, text=f"{reply.text}\n\n{note}".strip())
    return replace(reply, files=(*reply.files, spoken.file))


def offer_uses(ctx: Context, heard: Transcript, key: str) -> tuple[Button, ...]:
    """Return what can be had of a transcript kept as `key`, the most wanted first."""
    return tuple(_offer_uses(ctx, heard, key))


def _offer_uses(ctx: Context, heard: Transcript, key: str) -> Iterator[Button]:
    if heard.duration_s > SUMMARY_OVER_S:
        yield Button(ctx.text("Summary"), "brief", key)
    if ctx.answering.answerer.limits.can_translate:
        yield Button(ctx.text("Translate"), "translate", key)
    yield Button(ctx.text("Ask"), "ask_about", key)
    if ctx.job.command == "transcribe":
        # Elsewhere a reply that corrects is a further question.
        yield Button(ctx.text("Fix"), "fix")
    if len(heard.segments) > 1:
        yield from (Button(f".{form}", "export", f"{form} {key}") for form in ("txt", "srt"))
