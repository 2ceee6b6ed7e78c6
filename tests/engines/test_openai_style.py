"""The OpenAI-style engine over real HTTP against a strict local server."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from core.engines.openai_style import OpenAIStyle
from core.errors import (
    ConfigError,
    EngineBadReply,
    EngineBusy,
    EngineError,
    EngineLocked,
    EngineRefused,
    ModelGone,
)
from core.models import Audio
from tests.emulators.mimo.faults import Fault
from tests.emulators.openai import OpenAIServer
from tests.engines.conftest import make_audio, make_settings


@pytest.fixture
async def server() -> AsyncIterator[OpenAIServer]:
    async with OpenAIServer() as server:
        yield server


@pytest.fixture
async def engine(server: OpenAIServer) -> AsyncIterator[OpenAIStyle]:
    engine = OpenAIStyle(make_settings(openai_base_url=server.base_url))
    yield engine
    await engine.close()


async def test_words_and_times_come_back(server: OpenAIServer, engine: OpenAIStyle) -> None:
    transcript = await engine.transcribe(make_audio(3, 900), language="zh-Hans")
    assert transcript.text == "w3 w900"
    assert [segment.text for segment in transcript.segments] == ["w3", "w900"]
    assert [round(segment.start_s, 1) for segment in transcript.segments] == [0.0, 1.0]
    assert [round(segment.end_s, 1) for segment in transcript.segments] == [0.4, 1.4]
    assert transcript.duration_s == 2.0
    assert transcript.usage is not None and transcript.usage.audio_s == pytest.approx(2.0)
    assert server.world.forms == [
        {"model": "whisper-1", "response_format": "verbose_json", "language": "zh"}
    ]


async def test_server_without_times_is_asked_for_words_alone(
    server: OpenAIServer, engine: OpenAIStyle
) -> None:
    server.world.rules.has_segments = False
    for number in (1, 2):
        transcript = await engine.transcribe(make_audio(number))
        assert (transcript.text, transcript.segments) == (f"w{number}", ())
        assert transcript.usage is not None and transcript.usage.audio_s == 1.0
    shapes = [form["response_format"] for form in server.world.forms]
    assert shapes == ["verbose_json", "json", "json"], "it is remembered"
    assert "language" not in server.world.forms[0]


async def test_bad_file_does_not_cost_the_times_of_others(engine: OpenAIStyle) -> None:
    with pytest.raises(EngineRefused) as caught:
        await engine.transcribe(Audio(b"no sound", "audio/wav", 1.0))
    assert caught.value.values["reason"] == "Invalid file format"
    assert (await engine.transcribe(make_audio(1))).segments


async def test_key_is_sent_and_never_told(server: OpenAIServer) -> None:
    server.world.rules.key = "sk-right"
    for key, is_right in (("sk-right", True), ("sk-wrong-one", False)):
        engine = OpenAIStyle(make_settings(openai_base_url=server.base_url, openai_api_key=key))
        if is_right:
            assert (await engine.transcribe(make_audio(1))).text == "w1"
        else:
            with pytest.raises(EngineLocked) as caught:
                await engine.transcribe(make_audio(1))
            assert key not in str(caught.value)
        await engine.close()


async def test_unknown_model_is_for_the_operator(server: OpenAIServer) -> None:
    engine = OpenAIStyle(make_settings(openai_base_url=server.base_url, openai_asr_model="w-9"))
    assert engine.model == "w-9"
    with pytest.raises(ModelGone):
        await engine.transcribe(make_audio(1))
    await engine.close()


async def test_wrong_address_is_for_the_operator(server: OpenAIServer) -> None:
    engine = OpenAIStyle(make_settings(openai_base_url=server.origin))
    with pytest.raises(EngineLocked):
        await engine.transcribe(make_audio(1))
    await engine.close()


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("429_seconds", EngineBusy),
        ("502", EngineBusy),
        ("503", EngineBusy),
        ("402", EngineLocked),
        ("403", EngineLocked),
        ("200_html", EngineBadReply),
        ("200_error", EngineBusy),
        ("hang", EngineBusy),
        ("drip", EngineBusy),
        ("reset", EngineBusy),
        ("reset_body", EngineBusy),
        ("chunked_cut", EngineBusy),
        ("gzip_bomb", EngineBadReply),
    ],
)
async def test_fault_ends_as_its_error(
    server: OpenAIServer, engine: OpenAIStyle, kind: str, expected: type[EngineError]
) -> None:
    server.world.faults.append(Fault(kind, value=1.0))
    with pytest.raises(EngineError) as caught:
        await engine.transcribe(make_audio(5))
    assert type(caught.value) is expected
    assert (await engine.transcribe(make_audio(6))).text == "w6"


async def test_what_the_service_would_refuse_is_not_sent(
    server: OpenAIServer, engine: OpenAIStyle
) -> None:
    for audio in (Audio(bytes(25_000_001), "audio/wav", 1.0), Audio(b"OggS", "audio/ogg", 1.0)):
        with pytest.raises(EngineRefused):
            await engine.transcribe(audio)
    assert server.world.forms == []


def test_without_an_address_there_is_none() -> None:
    with pytest.raises(ConfigError):
        OpenAIStyle(make_settings())
