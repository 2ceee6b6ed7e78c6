"""Our own engine for OpenAI's endpoints, in front of our own endpoints: one bot behind another."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from core.engines.openai_style import OpenAIStyle
from core.errors import EngineLocked, EngineRefused
from core.models import Audio, Question, Turn, Utterance
from tests import sounds
from tests.emulators.mimo import MimoServer
from tests.emulators.mimo.tones import make_recording
from tests.web.openai_api.serving import KEY, ApiServer, make_settings

NAMES = {
    "openai_asr_model": "xiaomi/mimo-v2.5-asr",
    "openai_tts_model": "xiaomi/mimo-v2.5-tts",
    "openai_tts_voice": "Mia",
    "openai_chat_model": "xiaomi/mimo-v2.6-flash",
}


def make_engine(api: ApiServer, home: Path, **more: Any) -> OpenAIStyle:
    address = {"openai_base_url": api.base_url, "openai_api_key": KEY}
    return OpenAIStyle(make_settings(home, None, **{**address, **more}))


@pytest.fixture(params=[NAMES, {}], ids=["MiMo's names", "OpenAI's names"])
async def engine(
    api: ApiServer, mimo: MimoServer, tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[OpenAIStyle]:
    engine = make_engine(api, tmp_path, **request.param)
    yield engine
    await engine.close()


async def test_it_hears_with_times(engine: OpenAIStyle) -> None:
    recording = Audio(make_recording([501, 502, 503]), "audio/wav", 3.0)
    transcript = await engine.transcribe(recording, language="en", temperature=0.5)
    assert transcript.text == "w501 w502 w503"
    # Of MiMo behind a gateway no times are expected, so none are asked for.
    times = [] if "/" in engine.model else [(0.0, 3.0)]
    assert [(s.start_s, s.end_s) for s in transcript.segments] == times


async def test_it_speaks(engine: OpenAIStyle, mimo: MimoServer) -> None:
    text = f"One bot speaks through another, as {engine.speech_model}."
    pcm = b"".join([part async for part in engine.synthesize(Utterance(text))])
    assert abs(len(pcm) / 48_000 - mimo.calls[-1].duration_s) < 0.5


async def test_it_understands_sound(engine: OpenAIStyle, mimo: MimoServer) -> None:
    words = f"What does {engine.chat_model} hear?"
    mimo.add_answer("Beer.", pattern=words, sound=sounds.file("mp3"))
    audio = Audio(sounds.file("mp3"), "audio/mpeg", 3.0)
    told: list[str] = []
    question = Question((Turn("user", words, (audio,)),), instructions="Be brief.")
    answer = await engine.answer(question, on_text=told.append)
    assert (answer.text, told[-1]) == ("Beer.", "Beer.")


async def test_it_reads_our_refusals(api: ApiServer, mimo: MimoServer, tmp_path: Path) -> None:
    recording = Audio(b"no sound at all", "audio/wav", 1.0)
    engine = make_engine(api, tmp_path)
    with pytest.raises(EngineRefused):
        await engine.transcribe(recording)
    await engine.close()
    stranger = make_engine(api, tmp_path, openai_api_key="sk-wrong")
    with pytest.raises(EngineLocked):
        await stranger.transcribe(recording)
    await stranger.close()
