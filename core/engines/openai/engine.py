"""Any server with OpenAI's endpoints for sound and chat: OpenAI itself, or one at home."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

import httpx
import structlog

from core.config import Settings
from core.engines.mimo.limits import ASR_LIMITS, TTS_LIMITS
from core.engines.openai import chat_wire as chat
from core.engines.openai import gateway_wire as gateway
from core.engines.openai import speech_wire as speech
from core.engines.openai import transcription_wire as wire
from core.engines.wire.chat import has_sound, settle
from core.engines.wire.chat_stream import read_telling
from core.engines.wire.client import EngineClient, give, read_body, relay
from core.engines.wire.models import ModelChoice, ThreeModels, find_mimo
from core.engines.wire.speech import read_wav
from core.errors import AudioNotSupported, ConfigError, EngineBadReply, EngineRefused, ModelGone
from core.interfaces import AnswererLimits, SynthesizerLimits, TranscriberLimits
from core.models import Answer, Audio, Question, Transcript, Utterance, Voice

OnText = Callable[[str], None]

_PATH = "/audio/transcriptions"
_SPEECH_PATH = "/audio/speech"
_CHAT_PATH = "/chat/completions"
#: Time that a call may take for each character to be spoken.
_PER_CHAR_S = 0.25
#: Time that a call may take for each token of the longest answer.
_PER_TOKEN_S = 0.1
#: How much longer an answer may be where thoughts took all of its room.
_MORE_ROOM = 4
#: A sixth of a second: what is given on at once.
_PART_BYTES = 8192

_log = structlog.get_logger()


#: Of a server that says nothing of its own.
_LIMITS = TranscriberLimits(
    formats=("wav", "mp3"),
    max_bytes=wire.MAX_BYTES,
    max_piece_s=600.0,
    target_piece_s=60.0,
    concurrency=4,
    can_vary=True,
)


class OpenAIStyle(ThreeModels):
    """A server that takes files by form and answers with text, and with times if it can.

    Where it is a gateway before MiMo, its models get what they know there, under their limits.
    """

    name = wire.NAME
    requires: ClassVar[str] = "OPENAI_BASE_URL"
    speech_rate_hz = speech.RATE_HZ
    #: A call may take this long, and twice its sound on top: a server at home is slow.
    deadline_s: float = 60.0

    def __init__(self, settings: Settings) -> None:
        if not settings.openai_base_url:
            raise ConfigError("OPENAI_BASE_URL is not set")
        key = (settings.secret("openai_api_key") or "").strip()
        headers = {"authorization": f"Bearer {key}"} if key else {}
        self._client = EngineClient(settings.openai_base_url, headers, wire.read_error)
        self._chat_client = EngineClient(settings.openai_base_url, headers, chat.read_error)
        self._asr = ModelChoice(settings.openai_asr_model)
        self.limits = ASR_LIMITS if find_mimo(self.model) else _LIMITS
        self._has_segments = not gateway.is_behind(self.model)
        self._tts = ModelChoice(settings.openai_tts_model)
        plain = SynthesizerLimits(can_style=speech.can_style(self.speech_model))
        self.speech_limits = TTS_LIMITS if find_mimo(self.speech_model) else plain
        self._voice = settings.openai_tts_voice
        self._has_pcm = True
        self._chat = ModelChoice(settings.openai_chat_model)
        self._can_hear = True
        #: Parts of a question that the server has refused.
        self._without: frozenset[str] = frozenset()

    @classmethod
    def is_configured(cls, settings: Settings) -> bool:
        """Tell whether there is an address. A key is optional."""
        return bool(settings.openai_base_url)

    @property
    def chat_limits(self) -> AnswererLimits:
        """See Answerer. A server that could not hear once is given no more sound."""
        return chat.limits_of(self.chat_model, can_hear=self._can_hear)

    async def transcribe(
        self,
        audio: Audio,
        *,
        language: str | None = None,
        on_text: OnText | None = None,
        temperature: float | None = None,
    ) -> Transcript:
        """See Transcriber. Words with times first; a server that refuses these is asked without."""
        if find_mimo(self.model):
            language = gateway.pick_language(language)
        wanted = {"language": language, "temperature": temperature}
        return await self._asr.use(partial(self._transcribe, audio, wanted))

    async def answer(self, question: Question, *, on_text: OnText | None = None) -> Answer:
        """See Answerer. Raises AudioNotSupported if there is sound and the model takes none.

        Where there is nothing but thoughts, it is asked once more, with room for words.
        """
        return await self._chat.use(partial(self._answer, question, on_text))

    def voices(self) -> tuple[Voice, ...]:
        """Return the voices of OpenAI, or of MiMo; the one that is set for this server first."""
        model_id = find_mimo(self.speech_model)
        if model_id is None:
            return speech.list_voices(self._voice)
        return gateway.list_voices(model_id, self._voice)

    async def synthesize(self, utterance: Utterance) -> AsyncGenerator[bytes, None]:
        """See Synthesizer. As it comes first; a server that refuses this is asked for WAV."""
        while True:
            model, has_begun = self.speech_model, False
            try:
                async with aclosing(self._synthesize(utterance, model)) as parts:
                    async for part in parts:
                        has_begun = True
                        yield part
                return
            except ModelGone as error:
                if has_begun:
                    raise
                if gateway.pick_speaker(utterance, model) != model:
                    # The gateway lacks but the one for this utterance: no fault of the presets'.
                    raise EngineRefused(str(error), reason="it has preset voices only") from None
                self._tts.leave(model, error)

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()
        await self._chat_client.close()

    async def _transcribe(self, audio: Audio, wanted: dict[str, Any], model: str) -> Transcript:
        if self._has_segments:
            try:
                return await self._hear(audio, wanted, model, has_segments=True)
            except EngineRefused as error:
                _log.debug("asking without times", error=str(error))
        transcript = await self._hear(audio, wanted, model, has_segments=False)
        # Had the file itself been at fault, this would have failed as well.
        self._has_segments = False
        return transcript

    async def _hear(
        self, audio: Audio, wanted: dict[str, Any], model: str, *, has_segments: bool
    ) -> Transcript:
        form = wire.build_transcription(audio, model=model, has_segments=has_segments, **wanted)
        deadline_s = self.deadline_s + 2 * audio.duration_s
        body = await self._client.send("POST", _PATH, deadline_s=deadline_s, **form)
        transcript = wire.read_transcription(body, model=model)
        return replace(transcript, duration_s=audio.duration_s)

    async def _answer(self, question: Question, on_text: OnText | None, model: str) -> Answer:
        answer = await self._say(question, on_text, model)
        if answer.text:
            return answer
        room = question.max_tokens * _MORE_ROOM
        quick = replace(question, is_thinking=False, max_tokens=room)
        return settle(answer, await self._say(quick, on_text, model))

    async def _say(self, question: Question, on_text: OnText | None, model: str) -> Answer:
        """Ask, and learn what the server and the model do not take."""
        if has_sound(question) and not self._can_hear:
            raise AudioNotSupported("the model has refused sound before")
        without = self._without
        while True:
            try:
                answer = await self._tell(question, model, without, on_text)
            except EngineRefused as error:
                part = chat.find_refused(error, model=model, without=without)
                if part is None:
                    self._can_hear &= not isinstance(error, AudioNotSupported)
                    raise
                without |= {part}
            else:
                # Had something else been at fault, this would have failed as well.
                self._without = without
                return answer

    async def _tell(
        self, question: Question, model: str, without: frozenset[str], on_text: OnText | None
    ) -> Answer:
        body = chat.build_question(
            question, model=model, is_streamed=on_text is not None, without=without
        )
        sound_s = sum(audio.duration_s for turn in question.turns for audio in turn.audios)
        deadline_s = self.deadline_s + 2 * sound_s + question.max_tokens * _PER_TOKEN_S
        async with self._chat_client.open(
            "POST", _CHAT_PATH, deadline_s=deadline_s, content=give(body), headers=body.headers
        ) as response:
            telling = await read_telling(response, chat.read_chat, on_text)
        return chat.read_told(telling, question, model=model)

    async def _synthesize(self, utterance: Utterance, model: str) -> AsyncGenerator[bytes, None]:
        has_begun = False
        if self._has_pcm:
            try:
                async with aclosing(self._speak(utterance, model, "pcm")) as parts:
                    async for part in parts:
                        has_begun = True
                        yield part
                return
            except EngineRefused as error:
                if has_begun:
                    raise
                _log.debug("asking for WAV", error=str(error))
        async with aclosing(self._speak(utterance, model, "wav")) as parts:
            async for part in parts:
                # Had the text itself been at fault, this would have failed as well.
                self._has_pcm = False
                yield part

    def _speak(self, utterance: Utterance, model: str, form: str) -> AsyncGenerator[bytes, None]:
        if find_mimo(model):
            speaker = gateway.pick_speaker(utterance, model)
            body = gateway.build_speech(utterance, model=speaker, voice=self._voice, form=form)
        else:
            body = speech.build_speech(utterance, model=model, voice=self._voice, form=form)
        deadline_s = self.deadline_s + len(utterance.text) * _PER_CHAR_S
        return relay(self._ask(body, deadline_s))

    async def _ask(self, body: dict[str, Any], deadline_s: float) -> AsyncGenerator[bytes, None]:
        async with self._client.open(
            "POST", _SPEECH_PATH, deadline_s=deadline_s, json=body
        ) as response:
            content_type = str(response.headers.get("content-type", ""))
            if speech.is_words(content_type):
                raise wire.read_error(200, await read_body(response))
            speech.check_packed(content_type)
            if body["response_format"] == "wav":
                yield read_wav(await read_body(response), rate_hz=self.speech_rate_hz)
            else:
                async with aclosing(_read_samples(response)) as parts:
                    async for part in parts:
                        yield part


async def _read_samples(response: httpx.Response) -> AsyncGenerator[bytes, None]:
    """Yield the samples of a stream that is nothing but samples."""
    has_sound = False
    async for part in response.aiter_raw(_PART_BYTES):
        if not has_sound and part.startswith(b"RIFF"):
            raise EngineRefused("WAV instead of PCM", reason="the format is not supported")
        if len(part) % 2:
            raise EngineBadReply("the sound ends within a sample")
        has_sound = True
        yield part
    if not has_sound:
        raise EngineBadReply("no sound")
