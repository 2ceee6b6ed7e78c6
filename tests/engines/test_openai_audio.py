"""Transcription and synthesis by an OpenAI-style server over real HTTP against the emulator."""

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
from tests.emulators.mimo.synthesis import synthesize as make_sound
from tests.emulators.openai import VOICES, OpenAIServer
from tests.engines.conftest import MakeOpenAI, collect_audio, make_audio, make_settings

TEXT = "Three words here."


@pytest.fixture
def transcriber(make_openai: MakeOpenAI) -> OpenAITranscriber:
    return make_openai(OpenAITranscriber)


@pytest.fixture
def synthesizer(make_openai: MakeOpenAI) -> OpenAISynthesizer:
    return make_openai(OpenAISynthesizer)


async def test_transcript_with_times(openai: OpenAIServer, transcriber: OpenAITranscriber) -> None:
    transcript = await transcriber.transcribe(make_audio(3, 900), language="zh-Hans")
    assert transcript.text == "w3 w900"
    assert [(s.text, round(s.start_s, 1), round(s.end_s, 1)) for s in transcript.segments] == [
        ("w3", 0.0, 0.4),
        ("w900", 1.0, 1.4),
    ]
    assert transcript.duration_s == 2.0
    assert transcript.usage is not None and transcript.usage.audio_s == pytest.approx(2.0)
    form = {"model": "whisper-1", "response_format": "verbose_json", "language": "zh"}
    assert openai.world.transcription_requests == [form]


async def test_server_without_times(openai: OpenAIServer, transcriber: OpenAITranscriber) -> None:
    openai.world.rules.has_segments = False
    for number in (1, 2):
        transcript = await transcriber.transcribe(make_audio(number))
        assert (transcript.text, transcript.segments) == (f"w{number}", ())
        assert transcript.usage is not None and transcript.usage.audio_s == 1.0
    shapes = [form["response_format"] for form in openai.world.transcription_requests]
    assert shapes == ["verbose_json", "json", "json"], "that is remembered"
    assert "language" not in openai.world.transcription_requests[0]


async def test_invalid_file_does_not_switch_times_off(transcriber: OpenAITranscriber) -> None:
    with pytest.raises(EngineRefused) as caught:
        await transcriber.transcribe(Audio(b"no sound", "audio/wav", 1.0))
    assert caught.value.values["reason"] == "Invalid file format"
    assert (await transcriber.transcribe(make_audio(1))).segments


async def test_key_is_sent_and_never_shown(openai: OpenAIServer, make_openai: MakeOpenAI) -> None:
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
        collect_audio(make_openai(OpenAISynthesizer, openai_tts_model="t-9"), Utterance(TEXT)),
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
async def test_unsupported_request_is_not_sent(
    openai: OpenAIServer,
    transcriber: OpenAITranscriber,
    synthesizer: OpenAISynthesizer,
    asked: Audio | Utterance,
) -> None:
    with pytest.raises(EngineRefused):
        if isinstance(asked, Audio):
            await transcriber.transcribe(asked)
        else:
            await collect_audio(synthesizer, asked)
    assert openai.world.transcription_requests == openai.world.speech_requests == []


async def test_speech_is_streamed(openai: OpenAIServer, synthesizer: OpenAISynthesizer) -> None:
    assert await collect_audio(synthesizer, Utterance(TEXT)) == make_sound(TEXT)
    order = {"model": "tts-1", "input": TEXT, "voice": "alloy", "response_format": "pcm"}
    assert openai.world.speech_requests == [order]
    assert not synthesizer.limits.can_style, "the model takes no instructions"


async def test_direction_becomes_instructions(
    openai: OpenAIServer, make_openai: MakeOpenAI
) -> None:
    engine = make_openai(OpenAISynthesizer, openai_tts_model="gpt-4o-mini-tts")
    assert engine.limits.can_style and not engine.limits.can_design
    styles = ("Happy", "Whisper")
    utterance = Utterance(f"[cough] {TEXT}", "coral", styles=styles, direction="Warm and slow.")
    assert await collect_audio(engine, utterance) == make_sound(TEXT)
    [order] = openai.world.speech_requests
    assert order["instructions"] == "Warm and slow.\nStyle: Happy, Whisper."
    assert (order["voice"], order["input"]) == ("coral", TEXT)


async def test_configured_voice_comes_first(openai: OpenAIServer, make_openai: MakeOpenAI) -> None:
    engine = make_openai(OpenAISynthesizer, openai_tts_voice="af_sky")
    openai.world.rules.voices = frozenset({"af_sky"})
    assert await collect_audio(engine, Utterance(TEXT)) == make_sound(TEXT)
    assert [voice.voice_id for voice in engine.voices()][:2] == ["af_sky", "alloy"]


async def test_every_voice_is_taken(synthesizer: OpenAISynthesizer) -> None:
    assert {voice.voice_id for voice in synthesizer.voices()} == VOICES
    for voice in synthesizer.voices():
        assert await collect_audio(synthesizer, Utterance("Hi.", voice=voice.voice_id))
    with pytest.raises(EngineRefused):
        await collect_audio(synthesizer, Utterance("Hi.", voice="Alloy"))


@pytest.mark.parametrize("rules", [{"formats": ("wav",)}, {"own_format": "wav"}])
async def test_server_without_pcm_is_asked_for_wav(
    openai: OpenAIServer, synthesizer: OpenAISynthesizer, rules: dict[str, Any]
) -> None:
    vars(openai.world.rules).update(rules)
    for _ in range(2):
        assert await collect_audio(synthesizer, Utterance(TEXT)) == make_sound(TEXT)
    formats = [order["response_format"] for order in openai.world.speech_requests]
    assert formats == ["pcm", "wav", "wav"], "that is remembered"


async def test_refused_text_keeps_the_stream(
    openai: OpenAIServer, synthesizer: OpenAISynthesizer
) -> None:
    with pytest.raises(EngineRefused):
        await collect_audio(synthesizer, Utterance("x" * 5000))
    assert await collect_audio(synthesizer, Utterance(TEXT)) == make_sound(TEXT)
    assert openai.world.speech_requests[-1]["response_format"] == "pcm"


async def test_compressed_audio_is_refused(
    openai: OpenAIServer, synthesizer: OpenAISynthesizer
) -> None:
    openai.world.rules.own_format = "mp3"
    with pytest.raises(EngineRefused, match="neither PCM nor WAV"):
        await collect_audio(synthesizer, Utterance(TEXT))


async def test_chunks_of_any_size_join(
    openai: OpenAIServer, synthesizer: OpenAISynthesizer
) -> None:
    for openai.world.rules.chunk_bytes in (101, 8192, 10**6):
        assert await collect_audio(synthesizer, Utterance(TEXT)) == make_sound(TEXT)


async def test_first_audio_comes_soon(
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


async def test_incomplete_audio_is_an_error(
    openai: OpenAIServer, synthesizer: OpenAISynthesizer
) -> None:
    for openai.world.rules.missing_bytes in (1, len(make_sound(TEXT))):
        with pytest.raises(EngineBadReply):
            await collect_audio(synthesizer, Utterance(TEXT))
