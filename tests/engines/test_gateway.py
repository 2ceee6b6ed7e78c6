"""The OpenAI-style engine at a gateway to MiMo that refuses whatever MiMo does not support."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from bots.program import open_program
from core.engines.mimo.role import ASR_LIMITS, TTS_LIMITS
from core.engines.openai.answerer import OpenAIAnswerer
from core.engines.openai.synthesizer import OpenAISynthesizer
from core.engines.openai.transcriber import OpenAITranscriber
from core.errors import EngineBusy, EngineError, EngineLocked, EngineRefused
from core.models import Question, Turn, Utterance
from core.synthesis.pipeline import VoiceStyle
from tests.emulators.gomodel import GoModelServer
from tests.emulators.mimo import MimoServer
from tests.emulators.mimo.synthesis import synthesize as make_sound
from tests.emulators.openai import OpenAIServer
from tests.engines.conftest import MakeOpenAI, OneRole, collect_audio, make_audio, make_settings

LARGE = "mimo-v2.6-pro[1m]"
NAMES = {
    "openai_asr_model": "xiaomi/mimo-v2.5-asr",
    "openai_tts_model": "xiaomi/mimo-v2.5-tts",
    "openai_chat_model": "xiaomi/mimo-v2.6-flash",
}


@pytest.fixture
async def gateway(server: MimoServer) -> AsyncIterator[GoModelServer]:
    async with GoModelServer(server, extra_models=(LARGE,)) as gateway:
        yield gateway


@pytest.fixture
def make_engine(gateway: GoModelServer, make_openai: MakeOpenAI) -> MakeOpenAI:
    own = {"openai_base_url": gateway.base_url, "openai_api_key": gateway.world.key}

    def make(kind: type[OneRole], **values: Any) -> OneRole:
        return make_openai(kind, **{**NAMES, **own, **values})

    return make


@pytest.fixture
def transcriber(make_engine: MakeOpenAI) -> OpenAITranscriber:
    return make_engine(OpenAITranscriber)


@pytest.fixture
def answerer(make_engine: MakeOpenAI) -> OpenAIAnswerer:
    return make_engine(OpenAIAnswerer)


@pytest.fixture
def synthesizer(make_engine: MakeOpenAI) -> OpenAISynthesizer:
    return make_engine(OpenAISynthesizer)


async def test_transcript_comes_back(
    gateway: GoModelServer, server: MimoServer, transcriber: OpenAITranscriber
) -> None:
    fields = {"model": NAMES["openai_asr_model"], "response_format": "json", "temperature": "0.2"}
    for language, code in {None: None, "de": None, "zh-Hans": "zh", "en-US": "en"}.items():
        transcript = await transcriber.transcribe(
            make_audio(3, 900), language=language, temperature=0.2
        )
        assert (transcript.text, transcript.segments) == ("w3 w900", ())
        sent = {**fields, **({"language": code} if code else {})}
        assert gateway.world.requests.pop() == ("/v1/audio/transcriptions", sent)
        billed = server.billed[-1]
        assert (billed.model, billed.language) == ("mimo-v2.5-asr", code or "auto")
    assert not gateway.world.requests


async def test_refused_times_are_requested_only_once(
    gateway: GoModelServer, server: MimoServer, make_engine: MakeOpenAI
) -> None:
    engine = make_engine(OpenAITranscriber, openai_asr_model="mimo-v2.5-asr")
    for number in (1, 2):
        assert (await engine.transcribe(make_audio(number))).text == f"w{number}"
    assert gateway.world.refused == [
        "xiaomi transcription supports json or text response formats"
    ], "that is remembered"
    assert len(server.billed) == 2


def test_limits_are_those_of_mimo(
    transcriber: OpenAITranscriber,
    answerer: OpenAIAnswerer,
    synthesizer: OpenAISynthesizer,
    make_engine: MakeOpenAI,
) -> None:
    assert (transcriber.limits, synthesizer.limits) == (ASR_LIMITS, TTS_LIMITS)
    limits = answerer.limits
    assert (limits.can_think, limits.context_tokens) == (True, 1_000_000)
    assert (limits.calls_per_minute, limits.audio_tokens_per_s) == (100, 6.25)
    assert set(limits.formats) == {"audio/mpeg", "audio/wav", "audio/mp3", "audio/x-wav"}
    assert make_engine(OpenAITranscriber, openai_asr_model="whisper-1").limits.max_piece_s == 600.0


async def test_mimo_voice_is_chosen(server: MimoServer, make_engine: MakeOpenAI) -> None:
    rows = [("Hello.", "alloy", "Mia"), ("你好，小明。", "alloy", "冰糖"), ("Hi.", "Dean", "Dean")]
    for text, own, voice in rows:
        engine = make_engine(OpenAISynthesizer, openai_tts_voice=own)
        assert await collect_audio(engine, Utterance(text)) == make_sound(text)
        assert server.requests[-1].body["audio"] == {"format": "pcm16", "voice": voice}
        ids = [preset.voice_id for preset in engine.voices()]
        assert set(ids) >= {"Mia", "Dean", "冰糖"} and "alloy" not in ids
        assert own == "alloy" or ids[0] == own


async def test_styles_are_sent_in_the_syntax_of_mimo(
    gateway: GoModelServer, server: MimoServer, synthesizer: OpenAISynthesizer
) -> None:
    utterance = Utterance(
        "[cough] Three words here.", voice="Chloe", styles=("Happy",), direction="Warm and slow."
    )
    assert await collect_audio(synthesizer, utterance)
    order = {"model": NAMES["openai_tts_model"], "voice": "Chloe", "response_format": "pcm"}
    order |= {"input": "(Happy)[cough] Three words here.", "instructions": "Warm and slow."}
    assert gateway.world.requests[-1] == ("/v1/audio/speech", order)
    assert [m["role"] for m in server.requests[-1].body["messages"]] == ["user", "assistant"]


async def test_designed_and_cloned_voices(
    gateway: GoModelServer, server: MimoServer, synthesizer: OpenAISynthesizer
) -> None:
    utterances = {
        "voicedesign": Utterance("Hello.", description="An old man."),
        "voiceclone": Utterance("Hello.", sample=make_audio(1, 2)),
    }
    for kind, utterance in utterances.items():
        assert await collect_audio(synthesizer, utterance) == make_sound("Hello.")
        assert server.billed[-1].model == f"mimo-v2.5-tts-{kind}"
    assert not gateway.world.refused


async def test_gateway_with_presets_only_refuses_other_voices(
    server: MimoServer, synthesizer: OpenAISynthesizer
) -> None:
    server.rules.models = ("mimo-v2.5-tts",)
    for utterance in (Utterance("Hi.", description="x"), Utterance("Hi.", sample=make_audio(1))):
        with pytest.raises(EngineRefused) as caught:
            await collect_audio(synthesizer, utterance)
        assert caught.value.values["reason"] == "it only has preset voices"
    assert await collect_audio(synthesizer, Utterance("Hi.")), "the model stays"


@pytest.mark.parametrize("is_thinking", [True, False])
async def test_questions_keep_the_format_of_mimo(
    gateway: GoModelServer, server: MimoServer, answerer: OpenAIAnswerer, is_thinking: bool
) -> None:
    turns, shown = (Turn("user", "What is said?", (make_audio(7),)),), list[str]()
    question = Question(turns, is_thinking=is_thinking, max_tokens=64)
    answer = await answerer.answer(question, on_text=shown.append if is_thinking else None)
    assert "w7" in answer.text and bool(answer.reasoning) == is_thinking
    assert bool(shown) == is_thinking
    [(_, fields)] = gateway.world.requests
    assert fields["thinking"] == {"type": "enabled" if is_thinking else "disabled"}
    assert "stream_options" not in fields
    assert server.billed[-1].recordings[0]["kind"] == "wav"


async def test_large_context_suffix_is_sent(server: MimoServer, make_engine: MakeOpenAI) -> None:
    engine = make_engine(OpenAIAnswerer, openai_chat_model=f"xiaomi/{LARGE}")
    assert engine.limits.context_tokens == 1_000_000
    assert (await engine.answer(Question((Turn("user", "Hi."),)))).text
    assert (server.billed[-1].model, engine.model) == (LARGE, f"xiaomi/{LARGE}")


@pytest.mark.parametrize(
    ("retired", "moves"),
    [
        ("mimo-v2-omni", ("mimo-v2.5", "mimo-v2.6-flash")),
        ("mimo-v2.5-pro[1m]", (LARGE,)),
        ("mimo-v2-tts", ("mimo-v2.5-tts",)),
    ],
)
async def test_retired_models_are_replaced_with_one_warning(
    gateway: GoModelServer,
    server: MimoServer,
    make_engine: MakeOpenAI,
    retired: str,
    moves: tuple[str, ...],
) -> None:
    name = f"xiaomi/{retired}"
    synthesizer = make_engine(OpenAISynthesizer, openai_tts_model=name)
    answerer = make_engine(OpenAIAnswerer, openai_chat_model=name)
    with capture_logs() as logs:
        for _ in range(2):
            if retired.endswith("tts"):
                assert await collect_audio(synthesizer, Utterance("Hi."))
            else:
                assert (await answerer.answer(Question((Turn("user", "Hi."),)))).text
    warned = [(log["model"], log["next"]) for log in logs if log["log_level"] == "warning"]
    assert warned == list(pairwise(f"xiaomi/{name}" for name in (retired, *moves)))
    assert [entry.model for entry in server.billed] == [moves[-1]] * 2
    assert len(gateway.world.refused) == len(moves)


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        *(("401", EngineLocked), ("402", EngineLocked), ("429_seconds", EngineBusy)),
        *(("503", EngineBusy), ("200_empty", EngineBusy), ("421", EngineRefused)),
    ],
)
async def test_errors_behind_the_gateway_are_read(
    server: MimoServer, transcriber: OpenAITranscriber, fault: str, expected: type[EngineError]
) -> None:
    server.add_fault(fault)
    with pytest.raises(EngineError) as caught:
        await transcriber.transcribe(make_audio(5))
    assert type(caught.value) is expected
    assert (await transcriber.transcribe(make_audio(6))).text == "w6"


@pytest.mark.parametrize("more", [set(), {"thinking"}], ids=["strict", "thinking"])
async def test_format_of_openai_is_learned(
    openai: OpenAIServer, make_openai: MakeOpenAI, more: set[str]
) -> None:
    """A router that names MiMo models but requires OpenAI's message format."""
    world, engine = openai.world, make_openai(OpenAIAnswerer, **NAMES)
    world.chat.models = world.chat.audio_models = (NAMES["openai_chat_model"],)
    world.chat.additional = more
    question = Question((Turn("user", "What?", (make_audio(7),)),))
    assert "w7" in (await engine.answer(question)).text
    learned = len(world.chat_requests)
    assert "w7" in (await engine.answer(question)).text
    assert len(world.chat_requests) == learned + 1, "that is remembered"
    assert "audio/wav" in engine.limits.formats


async def test_whole_assistant_runs_on_a_gateway(gateway: GoModelServer, tmp_path: Path) -> None:
    own = {"openai_base_url": gateway.base_url, "openai_api_key": gateway.world.key}
    settings = make_settings(hearsay_home=tmp_path, **own, **NAMES)
    sound = make_audio(3, 900)
    async with open_program(settings) as program:
        result = await program.transcription.transcribe(sound.data, language="de")
        assert result.transcript.text == "w3 w900"
        prepared = await program.answering.prepare(sound.data)
        answer = await program.answering.answer(Question((Turn("user", "So?", (prepared,)),)))
        assert "w3 w900" in answer.text
        spoken = await program.synthesis.synthesize("Hello there.", VoiceStyle(style="(happy)"))
        assert (spoken.file.duration_s or 0) > 0.2 and not spoken.note
    assert not gateway.world.refused
