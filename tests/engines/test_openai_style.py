"""The OpenAI-style engine hears and speaks, over real HTTP against a strict local server."""

from __future__ import annotations

from contextlib import aclosing
from typing import Any

import pytest

from core.clock import Clock
from core.engines.openai.answerer import OpenAIAnswerer
from core.engines.openai.synthesizer import OpenAISynthesizer
from core.engines.openai.transcriber import OpenAITranscriber
from core.errors import ConfigError, EngineBadReply, EngineLocked, EngineRefused, ModelGone
from core.models import Audio, Question, Turn, Utterance
from tests.emulators.mimo.speaking import speak as make_sound
from tests.emulators.openai import VOICES, OpenAIServer
from tests.engines.conftest import MakeOpenAI, make_audio, make_settings, speak

TEXT = "Three words here."


@pytest.fixture
def transcriber(make_openai: MakeOpenAI) -> OpenAITranscriber:
    return make_openai(OpenAITranscriber)


@pytest.fixture
def synthesizer(make_openai: MakeOpenAI) -> OpenAISynthesizer:
    return make_openai(OpenAISynthesizer)


async def test_words_and_times_come_back(
    openai: OpenAIServer, transcriber: OpenAITranscriber
) -> None:
    transcript = await transcriber.transcribe(make_audio(3, 900), language="zh-Hans")
    assert transcript.text == "w3 w900"
    assert [(s.text, round(s.start_s, 1), round(s.end_s, 1)) for s in transcript.segments] == [
        ("w3", 0.0, 0.4),
        ("w900", 1.0, 1.4),
    ]
    assert transcript.duration_s == 2.0
    assert transcript.usage is not None and transcript.usage.audio_s == pytest.approx(2.0)
    form = {"model": "whisper-1", "response_format": "verbose_json", "language": "zh"}
    assert openai.world.forms == [form]


async def test_server_without_times(openai: OpenAIServer, transcriber: OpenAITranscriber) -> None:
    openai.world.rules.has_segments = False
    for number in (1, 2):
        transcript = await transcriber.transcribe(make_audio(number))
        assert (transcript.text, transcript.segments) == (f"w{number}", ())
        assert transcript.usage is not None and transcript.usage.audio_s == 1.0
    shapes = [form["response_format"] for form in openai.world.forms]
    assert shapes == ["verbose_json", "json", "json"], "it is remembered"
    assert "language" not in openai.world.forms[0]


async def test_bad_file_does_not_cost_the_times_of_others(transcriber: OpenAITranscriber) -> None:
    with pytest.raises(EngineRefused) as caught:
        await transcriber.transcribe(Audio(b"no sound", "audio/wav", 1.0))
    assert caught.value.values["reason"] == "Invalid file format"
    assert (await transcriber.transcribe(make_audio(1))).segments


async def test_key_is_sent_and_never_told(openai: OpenAIServer, make_openai: MakeOpenAI) -> None:
    openai.world.rules.key = "sk-right"
    assert (
        await make_openai(OpenAITranscriber, openai_api_key="sk-right").transcribe(make_audio(1))
    ).text == "w1"
    wrong = {"openai_api_key": "sk-wrong-one"}
    transcriber = make_openai(OpenAITranscriber, **wrong)
    answerer = make_openai(OpenAIAnswerer, **wrong)
    question = Question((Turn("user", "Hi."),))
    for call in (transcriber.transcribe(make_audio(1)), answerer.answer(question)):
        with pytest.raises(EngineLocked) as caught:
            await call
        assert "sk-wrong-one" not in str(caught.value)


async def test_unknown_models_and_addresses(openai: OpenAIServer, make_openai: MakeOpenAI) -> None:
    transcriber = make_openai(OpenAITranscriber, openai_asr_model="w-9")
    assert transcriber.model == "w-9"
    calls = (
        transcriber.transcribe(make_audio(1)),
        speak(make_openai(OpenAISynthesizer, openai_tts_model="t-9"), Utterance(TEXT)),
        make_openai(OpenAIAnswerer, openai_chat_model="g-9").answer(
            Question((Turn("user", "Hi."),))
        ),
    )
    for call in calls:
        with pytest.raises(ModelGone):
            await call
    with pytest.raises(EngineLocked):
        await make_openai(OpenAITranscriber, openai_base_url=openai.origin).transcribe(
            make_audio(1)
        )
    with pytest.raises(ConfigError):
        OpenAITranscriber(make_settings())


@pytest.mark.parametrize(
    "asked", [
        Audio(bytes(25_000_001), "audio/wav", 1.0), Audio(b"OggS", "audio/ogg", 1.0),
        Utterance(TEXT, description="An old man."), Utterance("[cough]"),
        Utterance(TEXT, sample=Audio(b"RIFF", "audio/wav", 1.0)),
    ],
)  # fmt: skip
async def test_what_the_service_would_refuse_is_not_sent(
    openai: OpenAIServer,
    transcriber: OpenAITranscriber,
    synthesizer: OpenAISynthesizer,
    asked: Audio | Utterance,
) -> None:
    with pytest.raises(EngineRefused):
        if isinstance(asked, Audio):
            await transcriber.transcribe(asked)
        else:
            await speak(synthesizer, asked)
    assert openai.world.forms == openai.world.orders == []


async def test_text_is_spoken_as_it_comes(
    openai: OpenAIServer, synthesizer: OpenAISynthesizer
) -> None:
    assert await speak(synthesizer, Utterance(TEXT)) == make_sound(TEXT)
    order = {"model": "tts-1", "input": TEXT, "voice": "alloy", "response_format": "pcm"}
    assert openai.world.orders == [order]
    assert not synthesizer.limits.can_style, "the model takes no instructions"


async def test_direction_becomes_instructions(
    openai: OpenAIServer, make_openai: MakeOpenAI
) -> None:
    engine = make_openai(OpenAISynthesizer, openai_tts_model="gpt-4o-mini-tts")
    assert engine.limits.can_style and not engine.limits.can_design
    styles = ("Happy", "Whisper")
    utterance = Utterance(f"[cough] {TEXT}", "coral", styles=styles, direction="Warm and slow.")
    assert await speak(engine, utterance) == make_sound(TEXT)
    [order] = openai.world.orders
    assert order["instructions"] == "Warm and slow.\nStyle: Happy, Whisper."
    assert (order["voice"], order["input"]) == ("coral", TEXT)


async def test_own_voice_comes_first(openai: OpenAIServer, make_openai: MakeOpenAI) -> None:
    engine = make_openai(OpenAISynthesizer, openai_tts_voice="af_sky")
    openai.world.rules.voices = frozenset({"af_sky"})
    assert await speak(engine, Utterance(TEXT)) == make_sound(TEXT)
    assert [voice.voice_id for voice in engine.voices()][:2] == ["af_sky", "alloy"]


async def test_every_voice_is_taken(synthesizer: OpenAISynthesizer) -> None:
    assert {voice.voice_id for voice in synthesizer.voices()} == VOICES
    for voice in synthesizer.voices():
        assert await speak(synthesizer, Utterance("Hi.", voice=voice.voice_id))
    with pytest.raises(EngineRefused):
        await speak(synthesizer, Utterance("Hi.", voice="Alloy"))


@pytest.mark.parametrize("rules", [{"forms": ("wav",)}, {"own_form": "wav"}])
async def test_server_that_gives_no_samples_is_asked_for_wav(
    openai: OpenAIServer, synthesizer: OpenAISynthesizer, rules: dict[str, Any]
) -> None:
    vars(openai.world.rules).update(rules)
    for _ in range(2):
        assert await speak(synthesizer, Utterance(TEXT)) == make_sound(TEXT)
    forms = [order["response_format"] for order in openai.world.orders]
    assert forms == ["pcm", "wav", "wav"], "it is remembered"


async def test_refused_text_keeps_the_stream(
    openai: OpenAIServer, synthesizer: OpenAISynthesizer
) -> None:
    with pytest.raises(EngineRefused):
        await speak(synthesizer, Utterance("x" * 5000))
    assert await speak(synthesizer, Utterance(TEXT)) == make_sound(TEXT)
    assert openai.world.orders[-1]["response_format"] == "pcm"


async def test_packed_sound_is_refused(
    openai: OpenAIServer, synthesizer: OpenAISynthesizer
) -> None:
    openai.world.rules.own_form = "mp3"
    with pytest.raises(EngineRefused, match="neither PCM nor WAV"):
        await speak(synthesizer, Utterance(TEXT))


async def test_chunks_of_any_size_join(
    openai: OpenAIServer, synthesizer: OpenAISynthesizer
) -> None:
    for openai.world.rules.chunk_bytes in (101, 8192, 10**6):
        assert await speak(synthesizer, Utterance(TEXT)) == make_sound(TEXT)


async def test_sound_comes_soon(
    openai: OpenAIServer, synthesizer: OpenAISynthesizer, clock: Clock
) -> None:
    openai.world.rules.chunk_latency_s = 1.0
    started_s, text = clock.monotonic(), "This takes two seconds or so."
    async with aclosing(synthesizer.synthesize(Utterance(text))) as parts:
        first = await anext(parts)
        first_s = clock.monotonic() - started_s
        rest = [part async for part in parts]
    assert first + b"".join(rest) == make_sound(text)
    assert first_s < 3 and len(rest) > 5


async def test_sound_that_is_odd_or_none(
    openai: OpenAIServer, synthesizer: OpenAISynthesizer
) -> None:
    for openai.world.rules.missing_bytes in (1, len(make_sound(TEXT))):
        with pytest.raises(EngineBadReply):
            await speak(synthesizer, Utterance(TEXT))
