"""Xiaomi MiMo: hears, speaks and understands through chat completions."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

from core.config import Settings
from core.engines.mimo import chat_wire as chat
from core.engines.mimo import speech_wire as speech
from core.engines.mimo import transcription_wire as wire
from core.engines.mimo.limits import ASR_LIMITS, CHAT_LIMITS, TTS_LIMITS
from core.engines.wire.body import Body
from core.engines.wire.chat import ReadJson, Telling, settle
from core.engines.wire.chat_stream import read_telling
from core.engines.wire.client import (
    EngineClient,
    give,
    is_event_stream,
    read_body,
    read_events,
    relay,
)
from core.engines.wire.models import ASR, CHAT, TTS, TTS_CLONE, TTS_DESIGN, ModelChoice, ThreeModels
from core.errors import ConfigError, ModelGone
from core.interfaces import AnswererLimits
from core.models import Answer, Audio, Question, Transcript, Utterance, Voice

OnText = Callable[[str], None]

_PATH = "/chat/completions"
#: The list of models is a help, not worth a longer wait.
_LIST_S = 10.0
#: Time that a call may take for each character to be spoken.
_PER_CHAR_S = 0.15
#: Time that a call may take for each token of the longest answer, and for each second of sound
#: that is asked about: it is sent, and then heard far faster than it was said.
_PER_TOKEN_S = 0.03
_PER_SOUND_S = 0.1


class Mimo(ThreeModels):
    """MiMo's cloud, or any server that speaks its dialect."""

    name = wire.NAME
    requires: ClassVar[str] = "MIMO_API_KEY"
    limits = ASR_LIMITS
    speech_limits = TTS_LIMITS
    speech_rate_hz = speech.RATE_HZ
    #: A call may take this long, and the length of its sound on top.
    deadline_s: float = 30.0
    #: Preset voices are streamed; the others come in one burst, streamed or not.
    can_stream_speech: bool = True

    def __init__(self, settings: Settings) -> None:
        self._client = EngineClient(settings.mimo_base_url, make_headers(settings), wire.read_error)
        self._asr = ModelChoice(settings.mimo_asr_model, ASR, self._list_models)
        self._chat = ModelChoice(settings.mimo_chat_model, CHAT, self._list_models)
        self._tts = ModelChoice(settings.mimo_tts_model, TTS, self._list_models)
        self._designer = ModelChoice(TTS_DESIGN, (), self._list_models)
        self._cloner = ModelChoice(TTS_CLONE, (), self._list_models)

    @classmethod
    def is_configured(cls, settings: Settings) -> bool:
        """Tell whether there is a key."""
        return bool(settings.secret("mimo_api_key"))

    @property
    def chat_limits(self) -> AnswererLimits:
        """See Answerer. What a call may hold depends on the model."""
        return replace(CHAT_LIMITS, context_tokens=chat.find_context_tokens(self.chat_model))

    async def transcribe(
        self,
        audio: Audio,
        *,
        language: str | None = None,
        on_text: OnText | None = None,
        temperature: float | None = None,
    ) -> Transcript:
        """See Transcriber. A dead model of the registry is left for the next within the call."""
        wanted: dict[str, Any] = {"language": language, "temperature": temperature}
        transcript = await self._asr.use(partial(self._hear, audio, wanted, on_text))
        return replace(transcript, duration_s=audio.duration_s)

    async def answer(self, question: Question, *, on_text: OnText | None = None) -> Answer:
        """See Answerer. A dead model is left as above; thoughts alone are no answer yet.

        Where there is nothing but thoughts, the model is asked once more, not to think.
        """
        return await self._chat.use(partial(self._answer, question, on_text))

    def voices(self) -> tuple[Voice, ...]:
        """Return the preset voices of the model that speaks."""
        return speech.voices_of(self.speech_model)

    async def synthesize(self, utterance: Utterance) -> AsyncGenerator[bytes, None]:
        """See Synthesizer. A dead model of the registry is left for the next within the call."""
        choice = self._choose_speaker(utterance)
        while True:
            model = await choice.pick()
            is_streamed = self.can_stream_speech and model not in (TTS_DESIGN, TTS_CLONE)
            has_begun = False
            body = speech.build_speech(utterance, model=model, is_streamed=is_streamed)
            sound = self._speak(body, self.deadline_s + len(utterance.text) * _PER_CHAR_S)
            try:
                async with aclosing(relay(sound)) as parts:
                    async for part in parts:
                        has_begun = True
                        yield part
                return
            except ModelGone as error:
                if has_begun:
                    raise
                choice.leave(model, error)

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()

    def _choose_speaker(self, utterance: Utterance) -> ModelChoice:
        if utterance.description:
            return self._designer
        return self._tts if utterance.sample is None else self._cloner

    async def _hear(
        self, audio: Audio, wanted: dict[str, Any], on_text: OnText | None, model: str
    ) -> Transcript:
        is_streamed = on_text is not None
        body = wire.build_transcription(audio, model=model, is_streamed=is_streamed, **wanted)
        read_json = partial(wire.read_heard, model=model)
        telling = await self._ask(body, self.deadline_s + audio.duration_s, read_json, on_text)
        return wire.make_transcript(telling, model=model)

    async def _answer(self, question: Question, on_text: OnText | None, model: str) -> Answer:
        answer = await self._say(question, on_text, model)
        if answer.text:
            return answer
        quick = await self._say(replace(question, is_thinking=False), on_text, model)
        return settle(answer, quick)

    async def _say(self, question: Question, on_text: OnText | None, model: str) -> Answer:
        body = chat.build_question(question, model=model, is_streamed=on_text is not None)
        sound_s = sum(audio.duration_s for turn in question.turns for audio in turn.audios)
        deadline_s = question.max_tokens * _PER_TOKEN_S + sound_s * _PER_SOUND_S + self.deadline_s
        read_json = partial(wire.read_answer, model=model)
        telling = await self._ask(body, deadline_s, read_json, on_text)
        return chat.make_answer(telling, question, model=model)

    async def _ask(
        self, body: Body, deadline_s: float, read_json: ReadJson, on_text: OnText | None
    ) -> Telling:
        async with self._client.open(
            "POST", _PATH, deadline_s=deadline_s, content=give(body), headers=body.headers
        ) as response:
            return await read_telling(response, read_json, on_text)

    async def _speak(self, body: dict[str, Any], deadline_s: float) -> AsyncGenerator[bytes, None]:
        model = str(body["model"])
        async with self._client.open("POST", _PATH, deadline_s=deadline_s, json=body) as response:
            if not is_event_stream(response):
                yield speech.read_speech(await read_body(response), model=model)
                return
            stream = speech.SpeechStream()
            async for data in read_events(response):
                stream, samples = speech.read_speech_event(data, stream, model=model)
                if samples:
                    yield samples
            speech.read_speech_end(stream)

    async def _list_models(self) -> frozenset[str]:
        return wire.read_models(await self._client.send("GET", "/models", deadline_s=_LIST_S))


def make_headers(settings: Settings) -> dict[str, str]:
    """Return the header that carries the key. Raises ConfigError if there is none."""
    key = (settings.secret("mimo_api_key") or "").strip()
    if not key:
        raise ConfigError("MIMO_API_KEY is not set")
    if settings.mimo_auth_header == "authorization":
        return {"authorization": f"Bearer {key}"}
    return {"api-key": key}
