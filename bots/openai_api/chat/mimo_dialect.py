"""MiMo's own dialect of chat completions: transcription and speech are dialogues there.

A recording sent to a model that transcribes comes back as text; a message of role assistant with
`audio` beside it comes back as speech. Source: MiMo docs, "Speech Recognition" and "Speech
Synthesis", 2026.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass

from fastapi import Request

from bots.openai_api.audio.speech import SpeechRoute
from bots.openai_api.audio.speech_request import SpeechRequest
from bots.openai_api.audio.transcription_request import TranscriptionForm
from bots.openai_api.audio.transcriptions import TranscriptionRoute
from bots.openai_api.chat.completion_request import ChatRequest
from bots.openai_api.chat.completion_response import (
    ChatCompletion,
    Head,
    build_audio,
    build_chunk,
    build_spoken,
)
from bots.openai_api.context import ApiContext
from bots.openai_api.errors import refuse
from bots.openai_api.stream import DONE, EVENTS, Stream, begin, build_event
from core.models import Answer


@dataclass(frozen=True, slots=True)
class MimoDialect:
    """One request in MiMo's dialect."""

    context: ApiContext
    chat: ChatRequest
    key_name: str

    async def transcribe(
        self, take: int = 0, on_text: Callable[[str], None] | None = None
    ) -> Answer:
        """Return the transcript of the one recording as an answer."""
        [data] = [data for message in self.chat.dialogue for data in message.recordings]
        if isinstance(data, str):
            raise refuse("input_audio.data must be base64 for this model", "input_audio.data")
        options = self.chat.asr_options
        form = TranscriptionForm.model_construct(
            file=data, model=self.chat.model, language=options.language if options else None
        )
        route = TranscriptionRoute(self.context)
        transcript = await route.transcribe(form, self.key_name, on_text)
        return Answer(transcript.text, is_cut=transcript.is_cut, usage=transcript.usage)

    async def speak(self, head: Head, request: Request) -> ChatCompletion | Stream:
        """Return the last message as speech: streamed samples, or a file. Raises ApiError."""
        leniency = request.state.leniency
        if self.chat.n > 1:
            leniency.drop("n must be 1 where a text is spoken", "n")
        route, speech = SpeechRoute(self.context), self._build_speech()
        parts = await route.speak(speech, self.key_name, leniency, is_whole=True)
        if self.chat.stream:
            return Stream(await begin(_stream(head, parts)), EVENTS, request.state.request_id)
        async with aclosing(parts):
            return build_spoken(head, b"".join([part async for part in parts]))

    def _build_speech(self) -> SpeechRequest:
        audio, words = self.chat.audio, [m.text for m in self.chat.messages[:-1]]
        assert audio is not None
        given = audio.format or ("pcm" if self.chat.stream else "wav")
        return SpeechRequest.model_construct(
            model=self.chat.model,
            input=self.chat.messages[-1].text,
            voice=audio.voice,
            instructions="\n".join(words).strip(),
            response_format="pcm" if given == "pcm16" else given,
        )


async def _stream(head: Head, parts: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """Yield the chunks of a speech."""
    role = {"role": "assistant"}
    async with aclosing(parts):
        async for part in parts:
            delta = {**role, "content": "", "audio": build_audio(head, part)}
            yield build_event(build_chunk(head, delta))
            role = {}
    yield build_event(build_chunk(head, {}, end=Answer("")))
    yield DONE
