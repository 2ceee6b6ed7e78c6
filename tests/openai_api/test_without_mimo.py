"""Engines with fewer features: some are added by us, the rest is refused."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Callable
from itertools import pairwise
from typing import Any

import pytest
import pytest_asyncio
from httpx import AsyncClient

from bots.openai_api.stream import follow_text
from core.audio.outgoing import RateConverter
from core.errors import EngineBadReply
from core.models import Transcript
from tests.emulators.mimo import MimoServer
from tests.emulators.mimo.tones import make_recording
from tests.support import audio_samples
from tests.support.openai_api_server import ApiServer, open_client

#: The servers are on the loop of all tests here.
pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def offline(
    mimo_server: MimoServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[ApiServer]:
    """MiMo transcribes; offline engines answer and synthesize."""
    roles = {"answerer": "offline", "synthesizer": "offline"}
    home = tmp_path_factory.mktemp("deaf")
    async with ApiServer(home, mimo_server, **roles, api_lenient=False) as server:
        yield server


@pytest_asyncio.fixture(loop_scope="session")
async def http(offline: ApiServer, mimo: MimoServer) -> AsyncIterator[AsyncClient]:
    async with open_client(offline) as client:
        yield client


async def test_engine_without_audio_gets_the_transcript(
    http: AsyncClient, mimo: MimoServer
) -> None:
    data = base64.b64encode(make_recording([601, 602, 603])).decode()
    sound = {"type": "input_audio", "input_audio": {"data": data, "format": "wav"}}
    words = {"type": "text", "text": "Where is w602?"}
    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": [sound, words]}]}
    answer = await http.post("/chat/completions", json=body)
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert told["model"] == "extracts"
    assert "w602" in told["choices"][0]["message"]["content"]
    assert [call.model for call in mimo.requests] == ["mimo-v2.5-asr"]
    # Programs stop where there is no usage. No token was used here.
    assert told["usage"]["total_tokens"] == 0
    options = {"stream": True, "stream_options": {"include_usage": True}}
    streamed = await http.post("/chat/completions", json={**body, **options})
    [*_, last, done, _] = streamed.text.split("\n\n")
    assert done == "data: [DONE]"
    assert json.loads(last.removeprefix("data: "))["usage"] == told["usage"]


async def test_what_an_engine_cannot_do_is_refused(http: AsyncClient) -> None:
    ask: dict[str, Any] = {"model": "extracts", "messages": [{"role": "user", "content": "Why?"}]}
    warm = [{"role": "user", "content": "Warmly."}, {"role": "assistant", "content": "Good night."}]
    speak = {"model": "tts-1", "messages": warm, "audio": {"format": "wav"}}
    for path, body, why in (
        (
            "/chat/completions",
            {**ask, "thinking": {"type": "enabled"}},
            "thinking is not supported",
        ),
        ("/chat/completions", {**ask, "reasoning_effort": "high"}, "thinking is not supported"),
        ("/audio/speech", {"model": "tts-1", "input": "Hm", "instructions": "warm"}, "plainly"),
        ("/chat/completions", speak, "plainly"),
        ("/chat/completions", {**speak, "messages": warm[1:], "n": 2}, "n must be 1"),
        ("/audio/speech", {"model": "tts-1", "input": "Hm", "voice": "Mia"}, "voice must be one"),
        ("/audio/speech", {"model": "tts-1", "input": "*** --- ..."}, "nothing in this text"),
        ("/audio/speech", {"model": "tts-1", "input": "far " * 2000}, "limit is 5000"),
    ):
        answer = await http.post(path, json=body)
        assert answer.status_code == 400, answer.text
        assert why in answer.json()["error"]["message"]


async def test_models_are_those_of_the_engines(http: AsyncClient) -> None:
    listed = (await http.get("/models")).json()["data"]
    assert [(one["id"], one["owned_by"]) for one in listed] == [
        ("mimo-v2.5-asr", "mimo"),
        ("extracts", "offline"),
        ("espeak-ng", "offline"),
    ]
    # MiMo's names are only known where MiMo serves.
    assert (await http.get("/models/mimo-v2.5-tts")).status_code == 404


async def test_samples_are_resampled_for_clients() -> None:
    converter = RateConverter(22_050, 24_000)
    pcm = audio_samples.tone(2.0, hz=440, rate_hz=22_050)
    parts = [pcm[at : at + 1000] for at in range(0, len(pcm), 1000)]
    whole = b"".join(map(converter.feed, parts))
    assert abs(len(whole) / 2 - 48_000) <= 2
    values = audio_samples.unpack(whole)
    rises = sum(a < 0 <= b for a, b in pairwise(values))
    assert abs(rises - 880) <= 1
    assert RateConverter(24_000, 24_000).feed(pcm) is pcm


async def test_growth_of_a_text_is_yielded_once() -> None:
    async def transcribe(on_text: Callable[[str], None]) -> Transcript:
        for text in (" One", "One ", "One two", "One", "Two"):
            on_text(text)
        return transcript

    transcript = Transcript("One two three")
    assert [new async for new, _ in follow_text(transcribe)] == ["One", " two", " three"]
    transcript = Transcript("Another text")
    with pytest.raises(EngineBadReply):
        _ = [new async for new, _ in follow_text(transcribe)]
