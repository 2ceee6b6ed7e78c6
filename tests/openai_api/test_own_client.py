"""Our engine for OpenAI-style servers against our own endpoints."""

from __future__ import annotations

from typing import Any

import pytest

from core.config import Settings
from core.engines.openai.answerer import OpenAIAnswerer
from core.engines.openai.synthesizer import OpenAISynthesizer
from core.engines.openai.transcriber import OpenAITranscriber
from core.errors import EngineLocked, EngineRefused
from core.models import Question, Turn, Utterance
from tests.emulators.mimo import MimoServer
from tests.emulators.mimo.synthesis import synthesize as make_sound
from tests.engines.conftest import collect_audio, make_audio, make_settings
from tests.support.openai_api_server import KEY, ApiServer

#: The servers are on the loop of all tests here.
pytestmark = pytest.mark.asyncio(loop_scope="session")


def settings_for(api: ApiServer, **values: Any) -> Settings:
    return make_settings(**{"openai_base_url": api.base_url, "openai_api_key": KEY, **values})


async def test_our_engine_transcribes_answers_and_synthesizes(
    api: ApiServer, mimo: MimoServer
) -> None:
    number = 11
    settings = settings_for(api, openai_tts_model="gpt-4o-mini-tts")
    transcriber = OpenAITranscriber(settings)
    answerer = OpenAIAnswerer(settings, transcriber.shared)
    synthesizer = OpenAISynthesizer(settings, transcriber.shared)
    heard = await transcriber.transcribe(make_audio(number, 900), language="en")
    assert heard.text == f"w{number} w900" and heard.segments
    told: list[str] = []
    for text, on_text in (("What?", None), ("What is said?", told.append)):
        question = Question((Turn("user", text, (make_audio(number),)),), max_tokens=64)
        assert f"w{number}" in (await answerer.answer(question, on_text=on_text)).text
    assert told
    text = f"Hello there, {number}."
    sound = await collect_audio(synthesizer, Utterance(text, direction="Warm and slow."))
    assert len(sound) >= len(make_sound(text)) * 0.9
    calls = [call.model for call in mimo.billed]
    assert calls == ["mimo-v2.5-asr", "mimo-v2.6-flash", "mimo-v2.6-flash", "mimo-v2.5-tts"]
    await transcriber.close()


async def test_missing_features_are_refusals_not_outages(api: ApiServer) -> None:
    engine = OpenAISynthesizer(settings_for(api, openai_tts_model="xiaomi/mimo-v2.5-tts"))
    with pytest.raises(EngineRefused):
        await collect_audio(engine, Utterance("Hi.", voice="Nobody"))
    assert await collect_audio(engine, Utterance("Hi."))
    assert await collect_audio(engine, Utterance("Hi.", description="An old man."))
    await engine.close()
    stranger = OpenAIAnswerer(settings_for(api, openai_api_key="hk-nobody-has-this-one-0123456789"))
    with pytest.raises(EngineLocked):
        await stranger.answer(Question((Turn("user", "Hi."),)))
    await stranger.close()
