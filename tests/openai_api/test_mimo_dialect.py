"""MiMo's own dialect on our chat endpoint: the calls of its documentation, as they stand there."""

from __future__ import annotations

import base64
import io
import wave
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from httpx import AsyncClient

from tests.emulators.mimo import MimoServer
from tests.emulators.mimo.tones import make_recording
from tests.support import audio_samples
from tests.support.openai_api_server import ApiServer, open_client

if TYPE_CHECKING:
    from openai import AsyncOpenAI

#: The servers are on the loop of all tests here.
pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.finding(28)]


def recording(data: str) -> Any:
    return [{"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": data}}]}]


def data_url(sound: bytes) -> str:
    return f"data:audio/wav;base64,{base64.b64encode(sound).decode()}"


async def test_speech_recognition(client: AsyncOpenAI, mimo: MimoServer) -> None:
    sound = make_recording([401, 402, 403])
    completion = await client.chat.completions.create(
        model="mimo-v2.5-asr",
        messages=recording(data_url(sound)),
        extra_body={"asr_options": {"language": "en"}},
    )
    assert completion.choices[0].message.content == "w401 w402 w403"
    assert (completion.model, mimo.requests[-1].language) == ("mimo-v2.5-asr", "en")
    usage = completion.usage
    assert usage and usage.prompt_tokens_details and usage.prompt_tokens_details.audio_tokens
    assert usage.model_extra == {"seconds": 3}
    # What is stored says what it cost.
    again = await client.chat.completions.create(
        model="mimo-v2.5-asr",
        messages=recording(data_url(sound)),
        extra_body={"asr_options": {"language": "en"}},
    )
    assert (again.usage, len(mimo.requests)) == (usage, 1)
    stream = await client.chat.completions.create(
        model="mimo-v2.5-asr",
        messages=recording(data_url(sound)),
        extra_body={"asr_options": {"language": "auto"}},
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = [chunk async for chunk in stream]
    texts = [choice.delta.content or "" for chunk in chunks for choice in chunk.choices]
    assert "".join(texts) == "w401 w402 w403"
    assert chunks[-1].usage and chunks[-1].usage.total_tokens == usage.total_tokens
    assert [call.language for call in mimo.requests] == ["en", "auto"]


async def test_a_language_that_is_no_text_is_refused(client: AsyncOpenAI) -> None:
    import openai

    with pytest.raises(openai.BadRequestError, match="must be a string"):
        await client.chat.completions.create(
            model="mimo-v2.5-asr",
            messages=recording(data_url(b"x")),
            extra_body={"asr_options": {"language": {"en": 1}}},
        )


@pytest.mark.parametrize("model", ["mimo-v2-tts", "mimo-v2.5-tts", "xiaomi/mimo-v2.5-tts"])
async def test_speech_synthesis(client: AsyncOpenAI, mimo: MimoServer, model: str) -> None:
    completion = await client.chat.completions.create(
        model=model,
        messages=[
            {"role": "user", "content": "Cheerful, please."},
            {"role": "assistant", "content": f"Yes, I had a sandwich. {model}"},
        ],
        # Some programs add them, as OpenAI's models want it.
        modalities=["text", "audio"],
        audio={"format": "wav", "voice": "Dean"},
    )
    message = completion.choices[0].message
    assert message.audio is not None
    with wave.open(io.BytesIO(base64.b64decode(message.audio.data))) as file:
        assert abs(file.getnframes() / 24_000 - mimo.requests[-1].duration_s) < 0.5
    asked = mimo.requests[-1].body
    assert asked["audio"]["voice"] == "Dean"
    assert asked["messages"][0]["content"] == "Cheerful, please."


async def test_speech_is_streamed_as_samples(client: AsyncOpenAI, mimo: MimoServer) -> None:
    stream = await client.chat.completions.create(
        model="mimo-v2.5-tts",
        messages=[{"role": "assistant", "content": "You are UN-BE-LIEVABLE! GET. OUT!"}],
        audio={"format": "pcm16", "voice": "Mia"},
        stream=True,
    )
    pcm = b""
    async for chunk in stream:
        audio: Any = getattr(chunk.choices[0].delta, "audio", None)
        pcm += base64.b64decode(audio.data) if audio else b""
    assert abs(len(pcm) / 48_000 - mimo.requests[-1].duration_s) < 0.5


async def test_voices_are_designed_and_cloned(http: AsyncClient, mimo: MimoServer) -> None:
    text = {"role": "assistant", "content": "Who am I?"}
    who = {"role": "user", "content": "A young woman with a husky voice."}
    sample = data_url(audio_samples.wav(audio_samples.speech(2.5)))
    for model, messages, audio in (
        ("mimo-v2.5-tts-voicedesign", [who, text], {"format": "mp3"}),
        ("mimo-v2.5-tts-voiceclone", [text], {"format": "mp3", "voice": sample}),
    ):
        body = {"model": model, "messages": messages, "audio": audio}
        answer = await http.post("/chat/completions", json=body)
        assert answer.status_code == 200, answer.text
        sound = base64.b64decode(answer.json()["choices"][0]["message"]["audio"]["data"])
        assert len(audio_samples.decode(sound)) > 8_000
        assert mimo.requests[-1].model == model


async def test_addresses_are_fetched_by_the_service_where_allowed(
    http: AsyncClient, mimo: MimoServer, tmp_path: Path
) -> None:
    """This server never fetches one; without ALLOW_URLS they are refused, as everywhere."""
    url = "https://files.example/audio.wav"
    mimo.set_url(url, make_recording([411, 412]))
    ask = {"model": "mimo-v2.5", "messages": recording(url)}
    refused = await http.post("/chat/completions", json=ask)
    assert refused.status_code == 400
    assert "addresses are not fetched" in refused.json()["error"]["message"]
    # As in /v1/responses, where no field is called messages.
    assert refused.json()["error"]["param"] == "input_audio.data"
    assert not mimo.requests
    async with ApiServer(tmp_path, mimo, allow_urls=True) as server, open_client(server) as client:
        answer = await client.post("/chat/completions", json=ask)
        assert answer.status_code == 200, answer.text
        assert "w411 w412" in answer.json()["choices"][0]["message"]["content"]
        [part, _] = mimo.requests[-1].body["messages"][-1]["content"]
        assert part["input_audio"]["data"] == url
        # A model that transcribes takes none.
        ask["model"] = "mimo-v2.5-asr"
        assert (await client.post("/chat/completions", json=ask)).status_code == 400


async def test_what_makes_no_sense_is_refused(http: AsyncClient, mimo: MimoServer) -> None:
    hello = {"role": "user", "content": "Hello"}
    for body, why in (
        ({"model": "mimo-v2.5-tts", "messages": [hello], "audio": {}}, "text to be spoken"),
        ({"model": "mimo-v2.5-asr", "messages": [hello]}, "/v1/audio/transcriptions"),
        ({"model": "mimo-v2.5-tts", "messages": [hello]}, "/v1/audio/speech"),
    ):
        answer = await http.post("/chat/completions", json=body)
        assert answer.status_code == 400, body
        assert why in answer.json()["error"]["message"]
    assert not mimo.requests
