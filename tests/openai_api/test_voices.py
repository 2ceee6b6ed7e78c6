"""Voices and pace of /audio/speech: OpenAI's names, designed and cloned voices, speed."""

from __future__ import annotations

import base64
import io
import wave
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from httpx import AsyncClient

from core.audio import TempoChanger
from tests.emulators.mimo import MimoServer
from tests.support import audio_samples
from tests.support.openai_api_server import ApiServer, open_client

if TYPE_CHECKING:
    from openai import AsyncOpenAI

#: The servers are on the loop of all tests here.
pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.finding(28)]

FEMALE = ("alloy", "coral", "nova", "shimmer")
MALE = ("ash", "echo", "fable", "onyx")


async def list_spoken(client: AsyncOpenAI, mimo: MimoServer, text: str, names: Any) -> list[str]:
    for name in names:
        await client.audio.speech.create(model="tts-1", voice=name, input=f"{text} {name}")
    return [call.body["audio"]["voice"] for call in mimo.requests]


@pytest.mark.parametrize(
    ("text", "names", "voices"),
    [
        ("Good morning", FEMALE, {"Mia", "Chloe"}),
        ("Good evening", MALE, {"Milo", "Dean"}),
        ("早上好，今天天气很好", FEMALE, {"冰糖", "茉莉"}),
        ("晚上好，明天见", MALE, {"苏打", "白桦"}),
    ],
)
async def test_voices_are_spread_by_gender_and_language(
    client: AsyncOpenAI, mimo: MimoServer, text: str, names: tuple[str, ...], voices: set[str]
) -> None:
    spoken = await list_spoken(client, mimo, text, names)
    assert set(spoken) == voices


@pytest.mark.parametrize("speed", [0.25, 0.5, 1.5, 4.0])
async def test_speed_keeps_the_pitch(speed: float) -> None:
    pcm = audio_samples.tone(4.0, hz=440, rate_hz=24_000)
    changer = TempoChanger(24_000, speed)
    parts = [changer.feed(pcm[at : at + 9600]) for at in range(0, len(pcm), 9600)]
    values = audio_samples.unpack(b"".join([*parts, changer.finish()]))
    duration_s = len(values) / 24_000
    assert abs(duration_s - 4.0 / speed) < 0.1
    middle = values[len(values) // 4 : -len(values) // 4]
    rises = sum(a < 0 <= b for a, b in pairwise(middle))
    assert abs(rises / (len(middle) / 24_000) - 440) < 5


@pytest.mark.parametrize("response_format", ["pcm", "wav", "mp3"])
async def test_speed_of_each_format(
    client: AsyncOpenAI, mimo: MimoServer, response_format: Any
) -> None:
    """The service is asked once, whatever the pace: the stored speech is used again."""
    lengths = {}
    for speed in (1.0, 2.0):
        speech = await client.audio.speech.create(
            model="tts-1", voice="nova", input=f"As fast as you can, in {response_format}.",
            response_format=response_format, speed=speed,
        )  # fmt: skip
        body = speech.content
        if response_format == "mp3":
            lengths[speed] = len(audio_samples.decode(body)) / 32_000
        else:
            lengths[speed] = len(body) / 48_000
    assert abs(lengths[1.0] - 2 * lengths[2.0]) < 0.3
    assert len(mimo.requests) == 1


async def test_designed_voice(http: AsyncClient, mimo: MimoServer) -> None:
    model = "xiaomi/mimo-v2.5-tts-voicedesign"
    body = {"model": model, "input": "I am new here.", "instructions": "A tired old captain."}
    answer = await http.post("/audio/speech", json=body)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "audio/wav")
    asked = mimo.requests[-1].body
    assert asked["model"] == "mimo-v2.5-tts-voicedesign"
    assert [message["content"] for message in asked["messages"]] == [
        *("A tired old captain.", "I am new here.")
    ]
    assert "voice" not in asked["audio"]
    answer = await http.post("/audio/speech", json={**body, "instructions": " "})
    assert "must describe the voice" in answer.json()["error"]["message"]


async def test_cloned_voice(http: AsyncClient, mimo: MimoServer) -> None:
    sample = audio_samples.file("mp3", audio_samples.speech(2.3))
    voice = f"data:audio/mpeg;base64,{base64.b64encode(sample).decode()}"
    body = {"model": "mimo-v2.5-tts-voiceclone", "input": "Do you know me?", "voice": voice}
    answer = await http.post("/audio/speech", json=body)
    assert answer.status_code == 200, answer.text
    asked = mimo.requests[-1].body
    assert asked["model"] == "mimo-v2.5-tts-voiceclone"
    data = base64.b64decode(asked["audio"]["voice"].removeprefix("data:audio/wav;base64,"))
    with wave.open(io.BytesIO(data)) as file:
        assert abs(file.getnframes() / file.getframerate() - 2.3) < 0.2
    for wrong in ("Mia", "", "data:audio/wav;base64,!", "data:audio/wav;base64,UklGRg=="):
        answer = await http.post("/audio/speech", json={**body, "voice": wrong})
        assert answer.status_code == 400, wrong
    assert len(mimo.requests) == 1


async def test_voices_and_models_are_listed_without_a_key(api: ApiServer) -> None:
    """Open WebUI reads both lists, and sends no key."""
    async with open_client(api, key="") as client:
        voices = (await client.get("/audio/voices")).json()["voices"]
        models = (await client.get("/audio/models")).json()["models"]
        for path in ("/models", "/models/audio/voices", "/audio/voices/", "/audio/transcriptions"):
            assert (await client.get(path)).status_code == 401
    assert {"id": "Dean", "name": "Dean", "language": "en", "gender": "male"} in voices
    assert {"id": "mimo-v2.5-tts"} in models and {"id": "tts-1"} in models
