"""The OpenAI-style engine speaks, over real HTTP against a strict local server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest

from core.clock import Clock
from core.engines.openai_style import OpenAIStyle
from core.errors import (
    EngineBadReply,
    EngineBusy,
    EngineError,
    EngineLocked,
    EngineRefused,
    ModelGone,
)
from core.models import Audio, Utterance
from tests.emulators.mimo.faults import Fault
from tests.emulators.mimo.speaking import speak as make_sound
from tests.emulators.openai import VOICES, OpenAIServer
from tests.engines.conftest import make_settings, speak

TEXT = "Three words here."


@pytest.fixture
async def server() -> AsyncIterator[OpenAIServer]:
    async with OpenAIServer() as server:
        yield server


@pytest.fixture
async def engine(server: OpenAIServer) -> AsyncIterator[OpenAIStyle]:
    engine = OpenAIStyle(make_settings(openai_base_url=server.base_url))
    yield engine
    await engine.close()


async def make_engine(server: OpenAIServer, **values: Any) -> OpenAIStyle:
    return OpenAIStyle(make_settings(openai_base_url=server.base_url, **values))


async def test_text_is_spoken_as_it_comes(server: OpenAIServer, engine: OpenAIStyle) -> None:
    assert await speak(engine, Utterance(TEXT)) == make_sound(TEXT)
    assert server.world.orders == [
        {"model": "tts-1", "input": TEXT, "voice": "alloy", "response_format": "pcm"}
    ]


async def test_direction_and_styles_become_instructions(server: OpenAIServer) -> None:
    engine = await make_engine(server, openai_tts_model="gpt-4o-mini-tts")
    assert engine.speech_limits.can_style and not engine.speech_limits.can_design
    utterance = Utterance(
        f"[cough] {TEXT}", voice="coral", styles=("Happy", "Whisper"), direction="Warm and slow."
    )
    assert await speak(engine, utterance) == make_sound(TEXT)
    assert server.world.orders[0]["instructions"] == "Warm and slow.\nStyle: Happy, Whisper."
    assert (server.world.orders[0]["voice"], server.world.orders[0]["input"]) == ("coral", TEXT)
    await engine.close()


async def test_model_that_takes_no_instructions_says_so(engine: OpenAIStyle) -> None:
    assert not engine.speech_limits.can_style


async def test_voice_of_the_operator_comes_first(server: OpenAIServer) -> None:
    engine = await make_engine(server, openai_tts_voice="af_sky")
    server.world.rules.voices = frozenset({"af_sky"})
    assert await speak(engine, Utterance(TEXT)) == make_sound(TEXT)
    assert [voice.voice_id for voice in engine.voices()][:2] == ["af_sky", "alloy"]
    await engine.close()


async def test_every_voice_is_taken(engine: OpenAIStyle) -> None:
    assert {voice.voice_id for voice in engine.voices()} == VOICES
    for voice in engine.voices():
        assert await speak(engine, Utterance("Hi.", voice=voice.voice_id))
    with pytest.raises(EngineRefused):
        await speak(engine, Utterance("Hi.", voice="Alloy"))


@pytest.mark.parametrize("rules", [{"forms": ("wav",)}, {"own_form": "wav"}])
async def test_server_that_gives_no_samples_is_asked_for_wav(
    server: OpenAIServer, engine: OpenAIStyle, rules: dict[str, Any]
) -> None:
    for name, value in rules.items():
        setattr(server.world.rules, name, value)
    for _ in range(2):
        assert await speak(engine, Utterance(TEXT)) == make_sound(TEXT)
    forms = [order["response_format"] for order in server.world.orders]
    assert forms == ["pcm", "wav", "wav"], "it is remembered"


async def test_refused_text_does_not_cost_the_stream(
    server: OpenAIServer, engine: OpenAIStyle
) -> None:
    with pytest.raises(EngineRefused):
        await speak(engine, Utterance("x" * 5000))
    assert await speak(engine, Utterance(TEXT)) == make_sound(TEXT)
    assert server.world.orders[-1]["response_format"] == "pcm"


async def test_packed_sound_is_refused(server: OpenAIServer, engine: OpenAIStyle) -> None:
    server.world.rules.own_form = "mp3"
    with pytest.raises(EngineRefused, match="neither PCM nor WAV"):
        await speak(engine, Utterance(TEXT))


@pytest.mark.parametrize("chunk_bytes", [101, 4801, 8192, 10**6])
async def test_chunks_of_any_size_join_without_a_click(
    server: OpenAIServer, engine: OpenAIStyle, chunk_bytes: int
) -> None:
    server.world.rules.chunk_bytes = chunk_bytes
    assert await speak(engine, Utterance(TEXT)) == make_sound(TEXT)


async def test_sound_comes_before_it_is_whole(
    server: OpenAIServer, engine: OpenAIStyle, clock: Clock
) -> None:
    server.world.rules.chunk_latency_s = 1.0
    started_s, text = clock.monotonic(), "This takes two seconds or so."
    async with aclosing(engine.synthesize(Utterance(text))) as parts:
        first = await anext(parts)
        first_s = clock.monotonic() - started_s
        rest = [part async for part in parts]
    assert first + b"".join(rest) == make_sound(text)
    assert first_s < 3 and len(rest) > 5


@pytest.mark.parametrize("missing_bytes", [1, 10**9])
async def test_sound_that_is_odd_or_none(
    server: OpenAIServer, engine: OpenAIStyle, missing_bytes: int
) -> None:
    whole = len(make_sound(TEXT))
    server.world.rules.missing_bytes = min(missing_bytes, whole)
    with pytest.raises(EngineBadReply):
        await speak(engine, Utterance(TEXT))


@pytest.mark.parametrize(
    "utterance",
    [
        Utterance(TEXT, description="An old man."),
        Utterance(TEXT, sample=Audio(b"RIFF", "audio/wav", 1.0)),
        Utterance("[cough]"),
    ],
)
async def test_what_cannot_be_spoken_is_not_sent(
    server: OpenAIServer, engine: OpenAIStyle, utterance: Utterance
) -> None:
    with pytest.raises(EngineRefused):
        await speak(engine, utterance)
    assert server.world.orders == []


async def test_unknown_model_is_for_the_operator(server: OpenAIServer) -> None:
    engine = await make_engine(server, openai_tts_model="tts-9")
    with pytest.raises(ModelGone):
        await speak(engine, Utterance(TEXT))
    await engine.close()


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("429_seconds", EngineBusy),
        ("502", EngineBusy),
        ("503", EngineBusy),
        ("401", EngineLocked),
        ("402", EngineLocked),
        ("404_html", EngineLocked),
        ("200_html", EngineBadReply),
        ("200_error", EngineBusy),
        ("200_empty", EngineBadReply),
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
        await speak(engine, Utterance(TEXT))
    assert type(caught.value) is expected
    assert await speak(engine, Utterance(TEXT)) == make_sound(TEXT)
