"""The openai package, as it comes, against our endpoints."""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.emulators.mimo import MimoServer
from tests.emulators.mimo.tones import make_recording
from tests.support import audio_samples
from tests.support.openai_api_server import ApiServer

if TYPE_CHECKING:
    from openai import AsyncOpenAI

#: The servers are on the loop of all tests here.
pytestmark = pytest.mark.asyncio(loop_scope="session")

RATE_HZ = 24_000


def recording(*numbers: int) -> tuple[str, bytes]:
    return "note.wav", make_recording(numbers)


def words(*numbers: int) -> str:
    return " ".join(f"w{number}" for number in numbers)


def audio_part(data: bytes, format: str = "wav") -> Any:
    sound = base64.b64encode(data).decode()
    return {"type": "input_audio", "input_audio": {"data": sound, "format": format}}


async def test_transcription_as_json(client: AsyncOpenAI) -> None:
    told = await client.audio.transcriptions.create(file=recording(1, 2, 3), model="whisper-1")
    assert told.text == words(1, 2, 3)
    assert told.usage is not None and told.usage.type == "duration"
    assert told.usage.seconds == 3


async def test_transcription_with_times(client: AsyncOpenAI) -> None:
    """A minute is transcribed in pieces, with times of the whole recording."""
    numbers = range(100, 160)
    told = await client.audio.transcriptions.create(
        file=recording(*numbers),
        model="gpt-4o-transcribe",
        response_format="verbose_json",
        timestamp_granularities=["segment"],
        language="en",
    )
    assert told.text == words(*numbers)
    assert (told.language, told.duration) == ("english", 60.0)
    segments = told.segments or []
    assert [segment.id for segment in segments] == list(range(len(segments)))
    assert " ".join(segment.text for segment in segments) == told.text
    assert len(segments) > 1 and segments[0].start == 0.0 and 59.0 < segments[-1].end <= 60.0
    for segment in segments:
        first = int(segment.text.split()[0][1:]) - 100
        assert abs(segment.start - first) < 1.0
        assert segment.end - segment.start <= 7.0 and len(segment.text) <= 84


@pytest.mark.finding(6)
@pytest.mark.parametrize("response_format", ["srt", "vtt"])
async def test_subtitles_are_short_cues(client: AsyncOpenAI, response_format: Any) -> None:
    told: Any = await client.audio.transcriptions.create(
        file=recording(*range(100, 160)), model="whisper-1", response_format=response_format
    )
    cues = re.findall(r"\d\d:00:([\d,.]+) --> \d\d:0[01]:([\d,.]+)\n(.+)\n", told)
    assert " ".join(words for _, _, words in cues) == words(*range(100, 160))
    for start, end, said in cues:
        start_s, end_s = (float(moment.replace(",", ".")) for moment in (start, end))
        assert 0 < (end_s - start_s) % 60 <= 7.0 and len(said) <= 84
        assert abs(start_s - int(said.split()[0][1:]) + 100) < 1.0


async def test_repeated_request_costs_nothing(client: AsyncOpenAI, mimo: MimoServer) -> None:
    for response_format in ("json", "text", "srt"):
        await client.audio.transcriptions.create(
            file=recording(7, 7, 7), model="whisper-1", response_format=response_format
        )
    for _ in range(2):
        await client.audio.speech.create(model="tts-1", voice="alloy", input="The same again.")
        await client.chat.completions.create(
            model="gpt-4o-mini", messages=[{"role": "user", "content": "The same again?"}]
        )
    assert [call.model for call in mimo.billed] == [
        "mimo-v2.5-asr",
        "mimo-v2.5-tts",
        "mimo-v2.6-flash",
    ]


@pytest.mark.parametrize("form", ["pcm", "wav", "mp3", "opus", "aac", "flac"])
async def test_speech_is_streamed(client: AsyncOpenAI, mimo: MimoServer, form: Any) -> None:
    """The first samples arrive while the service is still synthesizing."""
    mimo.rules.chunk_latency_s = 0.02
    is_early = False
    body = b""
    async with client.audio.speech.with_streaming_response.create(
        model="tts-1",
        voice="Milo",
        input=f"A text of some length which takes a while to be said as {form}.",
        response_format=form,
    ) as response:
        async for chunk in response.iter_bytes():
            is_early |= mimo.requests[-1].ended_at_s is None
            body += chunk
    assert is_early
    pcm = body if form == "pcm" else audio_samples.decode(body, RATE_HZ)
    assert abs(len(pcm) / 2 / RATE_HZ - mimo.requests[-1].duration_s) < 0.5


async def test_speech_as_events(client: AsyncOpenAI, mimo: MimoServer) -> None:
    sound = b""
    kinds = set()
    async with client.audio.speech.with_streaming_response.create(
        model="gpt-4o-mini-tts",
        voice="Dean",
        input="Told in events.",
        response_format="pcm",
        stream_format="sse",
    ) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        async for line in response.iter_lines():
            if line:
                event = json.loads(line.removeprefix("data: "))
                kinds.add(event["type"])
                sound += base64.b64decode(event.get("audio", ""))
    assert kinds == {"speech.audio.delta", "speech.audio.done"}
    assert abs(len(sound) / 2 / RATE_HZ - mimo.requests[-1].duration_s) < 0.5


async def test_chat_in_chunks(client: AsyncOpenAI, mimo: MimoServer) -> None:
    mimo.add_answer("One two three four five.", pattern="Count")
    stream = await client.chat.completions.create(
        model="gpt-4o-mini",
        messages=[
            {"role": "user", "content": [audio_part(audio_samples.file("wav")), text("Count.")]}
        ],
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = [chunk async for chunk in stream]
    deltas = [choice.delta for chunk in chunks for choice in chunk.choices]
    assert deltas[0].role == "assistant"
    said = [delta.content for delta in deltas if delta.content]
    assert len(said) > 2 and "".join(said) == "One two three four five."
    assert [c.finish_reason for chunk in chunks for c in chunk.choices][-1] == "stop"
    usage = chunks[-1].usage
    assert usage is not None and usage.total_tokens > 0
    assert usage.prompt_tokens_details and usage.prompt_tokens_details.audio_tokens
    assert len({chunk.id for chunk in chunks}) == 1


def text(words: str) -> Any:
    return {"type": "text", "text": words}


async def test_models(client: AsyncOpenAI) -> None:
    import openai

    listed = [model async for model in client.models.list()]
    assert [model.id for model in listed] == ["mimo-v2.5-asr", "mimo-v2.6-flash", "mimo-v2.5-tts"]
    assert (await client.models.retrieve("mimo-v2.5-asr")).owned_by == "mimo"
    assert (await client.models.retrieve("xiaomi/mimo-v2.5-tts")).object == "model"
    with pytest.raises(openai.NotFoundError) as caught:
        await client.models.retrieve("gpt-99")
    assert caught.value.code == "model_not_found"


async def test_errors_are_read_by_the_client(api: ApiServer, client: AsyncOpenAI) -> None:
    import openai

    ask: dict[str, Any] = {"messages": [{"role": "user", "content": "Hello?"}]}
    with pytest.raises(openai.NotFoundError, match="does not exist") as missing:
        await client.models.retrieve("gpt-99")
    assert (missing.value.code, missing.value.param) == ("model_not_found", "model")
    with pytest.raises(openai.BadRequestError, match="less than or equal to 2") as refused:
        await client.chat.completions.create(model="gpt-4o-mini", temperature=3, **ask)
    assert (refused.value.type, refused.value.param) == ("invalid_request_error", "temperature")
    assert re.fullmatch(r"req_[0-9a-f]{24}", refused.value.request_id or "")
    with pytest.raises(openai.BadRequestError, match="it is for /v1/audio/speech"):
        await client.chat.completions.create(model="tts-1", **ask)
    async with openai.AsyncOpenAI(
        base_url=api.base_url, api_key="sk-wrong", max_retries=0
    ) as stranger:
        with pytest.raises(openai.AuthenticationError):
            await stranger.models.list()


async def test_interrupted_stream_is_an_error(client: AsyncOpenAI, mimo: MimoServer) -> None:
    import openai

    mimo.add_fault("sse_no_done")
    stream = await client.audio.transcriptions.create(
        file=recording(61, 62, 63), model="whisper-1", stream=True
    )
    with pytest.raises(openai.APIError, match="ended too early"):
        async for _ in stream:
            pass
    mimo.add_fault("sse_no_done")
    speech: Any = {"model": "tts-1", "voice": "Mia", "input": "This breaks off."}
    with pytest.raises(openai.APIConnectionError):
        await client.audio.speech.create(**speech, response_format="wav")


async def test_interrupted_text_continues(client: AsyncOpenAI, mimo: MimoServer) -> None:
    mimo.add_fault("sse_reset", times=1)
    stream = await client.audio.transcriptions.create(
        file=recording(*range(80, 90)), model="whisper-1", stream=True
    )
    events = [event async for event in stream]
    deltas = [event.delta for event in events if event.type == "transcript.text.delta"]
    assert "".join(deltas) == words(*range(80, 90))
    assert len(mimo.requests) == 2
