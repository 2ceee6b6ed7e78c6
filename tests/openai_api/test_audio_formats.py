"""Formats of speech and of transcripts, as OpenAI and the gateways to MiMo choose them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from httpx import AsyncClient

from core.audio.sniff import sniff
from tests.emulators.mimo import MimoServer
from tests.emulators.mimo.tones import make_recording
from tests.support import audio_samples
from tests.support.openai_api_server import ApiServer, open_client

if TYPE_CHECKING:
    from openai import AsyncOpenAI

#: The servers are on the loop of all tests here.
pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.finding(28)]


@pytest.mark.parametrize(
    ("model", "kind", "container"),
    [
        ("tts-1", "audio/mpeg", "mp3"),
        ("gpt-4o-mini-tts", "audio/mpeg", "mp3"),
        ("mimo-v2.5-tts", "audio/wav", "wav"),
        ("xiaomi/mimo-v2.5-tts", "audio/wav", "wav"),
    ],
)
async def test_speech_without_a_format(
    client: AsyncOpenAI, model: str, kind: str, container: str
) -> None:
    """A program that names OpenAI's model gets mp3, one that names MiMo's gets WAV."""
    speech = await client.audio.speech.create(model=model, voice="alloy", input="What is this?")
    assert speech.response.headers["content-type"] == kind
    assert sniff(speech.content)[0] == container


async def test_speech_as_aac(client: AsyncOpenAI, mimo: MimoServer) -> None:
    speech = await client.audio.speech.create(
        model="tts-1", voice="alloy", input="As small as on the radio.", response_format="aac"
    )
    assert speech.response.headers["content-type"] == "audio/aac"
    duration_s = len(audio_samples.decode(speech.content)) / 32_000
    assert abs(duration_s - mimo.requests[-1].duration_s) < 0.5


@pytest.mark.parametrize("response_format", ["verbose_json", "srt", "vtt"])
async def test_stream_is_ignored_where_times_are_wanted(
    http: AsyncClient, response_format: str
) -> None:
    """OpenAI's whisper-1 ignores `stream`, and proxies send it with any format."""
    files: Any = {"file": ("a.wav", make_recording([31, 32]))}
    form = {"model": "whisper-1", "stream": "true", "response_format": response_format}
    answer = await http.post("/audio/transcriptions", data=form, files=files)
    assert answer.status_code == 200, answer.text
    assert not answer.headers["content-type"].startswith("text/event-stream")
    assert "w31 w32" in answer.text
    if response_format == "verbose_json":
        assert answer.json()["segments"][0]["text"] == "w31 w32"


@pytest.mark.parametrize("fault", ["401", "403"])
async def test_a_refused_key_of_ours_is_no_fault_of_the_program(
    mimo: MimoServer, tmp_path: Path, fault: str
) -> None:
    """With 401 the program would doubt its own key, and people would change the wrong one."""
    mimo.add_fault(fault, times=None)
    files: Any = {"file": ("a.wav", make_recording([33, 34])), "model": (None, "whisper-1")}
    # A server of its own: the engine is paused afterwards.
    async with ApiServer(tmp_path, mimo) as server, open_client(server) as client:
        answer = await client.post("/audio/transcriptions", files=files)
    error = answer.json()["error"]
    assert (answer.status_code, error["type"]) == (502, "provider_error")
    assert "the key of this server" in error["message"]
    assert answer.headers["x-should-retry"] == "false"


@pytest.mark.parametrize(
    ("name", "asked", "shown"),
    [("Chinese", "zh", "chinese"), ("中文", "zh", "chinese"), ("english", "en", "english"),
     ("zh-CN", "zh", "chinese"), ("german", "auto", "german")],
)  # fmt: skip
async def test_language_by_name(
    http: AsyncClient, mimo: MimoServer, name: str, asked: str, shown: str
) -> None:
    """Programs send what their menu shows: a code, a locale or a name."""
    files: Any = {"file": ("a.wav", make_recording([35, 36, len(name), ord(name[0]) % 100]))}
    form = {"model": "whisper-1", "language": name, "response_format": "verbose_json"}
    answer = await http.post("/audio/transcriptions", data=form, files=files)
    assert answer.status_code == 200, answer.text
    assert mimo.requests[-1].language == asked
    assert answer.json()["language"].startswith(shown)


async def test_nobody_speaks_klingon(http: AsyncClient, mimo: MimoServer) -> None:
    for name in ("klingon", "Old English", "nonsense"):
        files: Any = {"file": ("a.wav", make_recording([3, 4]))}
        form = {"model": "whisper-1", "language": name}
        answer = await http.post("/audio/transcriptions", data=form, files=files)
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, "language")
    assert not mimo.requests


async def test_prompt_corrects_names(client: AsyncOpenAI, mimo: MimoServer) -> None:
    """The terms of the prompt count for this request alone; nothing is paid twice for them."""
    sound = ("a.wav", make_recording([38, 39]))
    await client.audio.transcriptions.create(file=sound, model="whisper-1")
    mimo.set_text(mimo.requests[-1].sha256, "Tell Mister Kovalsky about it.")
    texts = []
    for prompt in ("Kowalski, Nowak", ""):
        told = await client.audio.transcriptions.create(
            file=sound, model="whisper-1", language="en", prompt=prompt
        )
        texts.append(told.text)
    assert texts == ["Tell Mister Kowalski about it.", "Tell Mister Kovalsky about it."]
    stream = await client.audio.transcriptions.create(
        file=sound, model="whisper-1", language="en", prompt="Kowalski", stream=True
    )
    events: list[Any] = [event async for event in stream]
    assert [event.type for event in events] == ["transcript.text.delta", "transcript.text.done"]
    assert events[-1].text == "Tell Mister Kowalski about it."
    assert len(mimo.requests) == 2


async def test_times_of_words_are_marked_as_estimated(client: AsyncOpenAI) -> None:
    numbers = range(200, 212)
    told = await client.audio.transcriptions.create(
        file=("a.wav", make_recording(numbers)),
        model="whisper-1",
        response_format="verbose_json",
        timestamp_granularities=["word"],
    )
    assert (told.model_extra or {})["word_timestamps"] == "estimated"
    assert told.segments is None
    words = told.words or []
    assert [word.word for word in words] == [f"w{number}" for number in numbers]
    # One word per second was spoken.
    for at_s, word in enumerate(words):
        assert word.start < word.end
        assert abs(word.start - at_s) < 1.0
    both = await client.audio.transcriptions.create(
        file=("a.wav", make_recording(numbers)),
        model="whisper-1",
        response_format="verbose_json",
        timestamp_granularities=["word", "segment"],
    )
    assert both.words == words and both.segments
