"""Speech synthesis by MiMo over real HTTP against the emulator.

The texts, styles, voices and bodies are those of the service's own documents, letter by letter.
"""

from __future__ import annotations

import asyncio
from base64 import b64encode
from contextlib import aclosing
from typing import Any

import pytest

from core.clock import Clock
from core.engines.mimo.synthesizer import MimoSynthesizer
from core.engines.mimo.transcription_wire import MAX_BYTES
from core.errors import EngineBadReply, EngineBusy, EngineRefused, ModelGone
from core.models import Audio, Utterance
from tests.emulators.mimo import MimoServer
from tests.emulators.mimo.synthesis import expected_numbers, read_numbers
from tests.emulators.mimo.synthesis import synthesize as make_sound
from tests.emulators.mimo.tones import make_recording, make_wav
from tests.engines.conftest import collect_audio, make_settings
from tests.support import audio_samples

V2 = "mimo-v2-tts"
SAMPLE = Audio(make_recording([1, 2, 3]), "audio/wav", 3.0)


@pytest.fixture
async def old(server: MimoServer) -> Any:
    """An engine set to the model of the second generation, at a service that has it."""
    server.rules.models = (V2,)
    values = {"mimo_base_url": server.base_url, "mimo_api_key": server.key}
    engine = MimoSynthesizer(make_settings(**values, mimo_tts_model=V2))
    yield engine
    await engine.close()


def is_speech_of(pcm: bytes, text: str) -> bool:
    """Return whether the audio is that of the text, sample by sample."""
    return pcm == make_sound(text) and read_numbers(pcm) == expected_numbers(text)


async def test_documented_call_without_stream(server: MimoServer, old: MimoSynthesizer) -> None:
    old.can_stream = False
    text, direction_text = "Yes, I had a sandwich.", "Hello, MiMo, have you had lunch?"
    pcm = await collect_audio(old, Utterance(text, voice="mimo_default", direction=direction_text))
    messages = [{"role": "user", "content": direction_text}, {"role": "assistant", "content": text}]
    audio = {"format": "wav", "voice": "mimo_default"}
    assert server.requests[0].body == {"model": V2, "messages": messages, "audio": audio}
    assert is_speech_of(pcm, text)


async def test_documented_call_with_stream(server: MimoServer, old: MimoSynthesizer) -> None:
    """Audio tags are sent unchanged."""
    text = "[heavy breathing] It's just so stupid! (sobbing) The dog... (sudden laugh) GET. OUT!"
    pcm = await collect_audio(old, Utterance(text, voice="default_en"))
    assert server.requests[0].body == {
        "model": V2,
        "messages": [{"role": "assistant", "content": text}],
        "audio": {"format": "pcm16", "voice": "default_en"},
        "stream": True,
    }
    assert is_speech_of(pcm, text)


HAPPY = "Tomorrow is Friday, so happy!"


@pytest.mark.parametrize(
    ("styles", "text", "v2", "v25"),
    [
        (("Happy",), HAPPY, f"<style>Happy</style>{HAPPY}", f"(Happy){HAPPY}"),
        (("Style 1", "Style 2"), "la", "<style>Style 1 Style 2</style>la", "(Style 1 Style 2)la"),
        (("唱歌",), "小星星", "<style>唱歌</style>小星星", "(唱歌)小星星"),
        (("sing",), "la la", "<style>sing</style>la la", "(sing)la la"),
        (("Happy", " Singing "), "la la", "<style>singing</style>la la", "(singing)la la"),
        (("a) b", "</style>x"), "la", "<style>a b /style x</style>la", "(a b /style x)la"),
        (("()", " "), "la", "la", "la"),
    ],
)
async def test_style(
    server: MimoServer,
    synthesizer: MimoSynthesizer,
    old: MimoSynthesizer,
    styles: tuple[str, ...],
    text: str,
    v2: str,
    v25: str,
) -> None:
    server.rules.models = (V2, "mimo-v2.5-tts")
    for engine in (old, synthesizer):
        assert is_speech_of(await collect_audio(engine, Utterance(text, styles=styles)), text)
    contents = [call.body["messages"][-1]["content"] for call in server.requests]
    assert contents == [v2, v25]
    assert [call.model for call in server.requests] == [V2, "mimo-v2.5-tts"]


async def test_every_preset_voice_is_taken(
    server: MimoServer, synthesizer: MimoSynthesizer, old: MimoSynthesizer
) -> None:
    server.rules.models = (V2, "mimo-v2.5-tts")
    assert [v.voice_id for v in old.voices()] == ["default_zh", "default_en", "mimo_default"]
    ids = [voice.voice_id for voice in synthesizer.voices()]
    assert ids == ["冰糖", "茉莉", "苏打", "白桦", "Mia", "Chloe", "Milo", "Dean", "mimo_default"]
    for engine in (synthesizer, old):
        for voice in engine.voices():
            assert await collect_audio(engine, Utterance("Hi.", voice=voice.voice_id))
            assert server.requests[-1].body["audio"]["voice"] == voice.voice_id


async def test_default_voice_follows_the_text(
    server: MimoServer, synthesizer: MimoSynthesizer
) -> None:
    for text, voice in {"Hello.": "Mia", "你好，Bob。": "冰糖"}.items():
        assert is_speech_of(await collect_audio(synthesizer, Utterance(text)), text)
        assert server.requests[-1].body["audio"]["voice"] == voice


async def test_designed_voice(server: MimoServer, synthesizer: MimoSynthesizer) -> None:
    look, styles = "An old man, hoarse.", ("Sad", "Whisper")
    utterance = Utterance("Once.", description=look, direction="slow", styles=styles)
    assert is_speech_of(await collect_audio(synthesizer, utterance), "Once.")
    direction_text = {"role": "user", "content": f"{look}\nslow\nSad, Whisper"}
    assert server.requests[0].body == {
        "model": "mimo-v2.5-tts-voicedesign",
        "messages": [direction_text, {"role": "assistant", "content": "Once."}],
        "audio": {"format": "wav"},
    }


@pytest.mark.parametrize("mime", ["audio/wav", "audio/mpeg"])
async def test_cloned_voice(server: MimoServer, synthesizer: MimoSynthesizer, mime: str) -> None:
    data = SAMPLE.data
    if mime == "audio/mpeg":
        data = audio_samples.encode(data[44:], "mp3", "libmp3lame", options={"b": "32000"})
    sample = Audio(data, mime, 3.0)
    utterance = Utterance("Hello.", sample=sample, styles=("Happy",), direction="x")
    assert is_speech_of(await collect_audio(synthesizer, utterance), "Hello.")
    said = {"role": "assistant", "content": "(Happy)Hello."}
    assert server.requests[0].body == {
        "model": "mimo-v2.5-tts-voiceclone",
        "messages": [{"role": "user", "content": "x"}, said],
        "audio": {"format": "wav", "voice": f"data:{mime};base64,{b64encode(data).decode()}"},
    }
    assert server.requests[0].audio_bytes == len(data)


async def test_only_an_oversized_sample_is_not_sent(
    server: MimoServer, synthesizer: MimoSynthesizer
) -> None:
    data = make_wav(bytes((MAX_BYTES - len(make_wav(b""))) // 2 * 2))
    assert synthesizer.limits.max_sample_bytes == MAX_BYTES
    assert await collect_audio(
        synthesizer, Utterance("Hi.", sample=Audio(data, "audio/wav", 200.0))
    )
    large, other = Audio(bytes(MAX_BYTES + 1), "audio/wav", 1.0), Audio(b"", "audio/ogg", 1.0)
    for sample in (large, other):
        with pytest.raises(EngineRefused):
            await collect_audio(synthesizer, Utterance("Hi.", sample=sample))
    assert len(server.requests) == 1


async def test_chunks_of_any_size_join_without_a_click(
    server: MimoServer, synthesizer: MimoSynthesizer
) -> None:
    """The last one has over a minute of speech in a single event."""
    short, long = "Three words here.", "word " * 400
    for server.rules.chunk_bytes, text in ((333, short), (9601, short), (10**9, long)):
        assert is_speech_of(await collect_audio(synthesizer, Utterance(text)), text)
    assert len(make_sound(long)) * 4 / 3 > 8 * 2**20


async def test_first_audio_comes_early(
    server: MimoServer, synthesizer: MimoSynthesizer, clock: Clock
) -> None:
    server.rules.chunk_latency_s = 1.0
    started_s, text = clock.monotonic(), "This takes two seconds or so."
    async with aclosing(synthesizer.synthesize(Utterance(text))) as parts:
        first = await anext(parts)
        first_s = clock.monotonic() - started_s
        rest = [part async for part in parts]
    assert is_speech_of(first + b"".join(rest), text)
    assert len(rest) > 8 and first_s < 3


async def test_closing_early_ends_the_call(
    server: MimoServer, synthesizer: MimoSynthesizer, clock: Clock
) -> None:
    server.rules.chunk_latency_s = 0.2
    async with aclosing(synthesizer.synthesize(Utterance("word " * 50))) as parts:
        await anext(parts)
    assert [task for task in asyncio.all_tasks() if "pump" in repr(task)] == []
    while server.requests[0].ended_at_s is None:
        await clock.sleep(0.1)
    server.rules.chunk_latency_s = 0.0
    assert is_speech_of(await collect_audio(synthesizer, Utterance("Hi.")), "Hi.")


async def test_time_of_the_caller_does_not_count(
    synthesizer: MimoSynthesizer, clock: Clock
) -> None:
    """The deadline must not cancel what the caller does between two parts."""
    pcm, text = b"", "Hi there."
    async with aclosing(synthesizer.synthesize(Utterance(text))) as parts:
        async for part in parts:
            pcm += part
            await clock.sleep(3600)
    assert is_speech_of(pcm, text)


async def test_deadline_grows_with_the_text(
    server: MimoServer, synthesizer: MimoSynthesizer, clock: Clock
) -> None:
    server.rules.latency_s, started_s = 31.0, clock.monotonic()
    with pytest.raises(EngineBusy):
        await collect_audio(synthesizer, Utterance("Hi."))
    assert clock.monotonic() - started_s == pytest.approx(30 + 3 * 0.15)
    assert is_speech_of(
        await collect_audio(synthesizer, Utterance("Twenty letters here.")), "Twenty letters here."
    )


async def test_cancelled_caller_is_cancelled(
    server: MimoServer, synthesizer: MimoSynthesizer, clock: Clock
) -> None:
    server.rules.latency_s = 20.0
    task = asyncio.create_task(collect_audio(synthesizer, Utterance("Hi.")))
    await clock.sleep(10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [task for task in asyncio.all_tasks() if "pump" in repr(task)] == []


async def test_replacement_model_gets_its_own_request(
    server: MimoServer, synthesizer: MimoSynthesizer
) -> None:
    utterance = Utterance("Hi.", styles=("Happy",))
    await collect_audio(synthesizer, utterance)
    server.rules.models = (V2,)
    assert is_speech_of(await collect_audio(synthesizer, utterance), "Hi.")
    assert synthesizer.model == V2 and len(synthesizer.voices()) == 3
    request = server.requests[-1].body
    assert request["messages"][0]["content"] == "<style>Happy</style>Hi."
    assert request["audio"]["voice"] == "default_en"


async def test_model_that_retires_mid_stream_is_not_replaced(
    server: MimoServer, synthesizer: MimoSynthesizer
) -> None:
    server.rules.models = (synthesizer.model, V2)
    server.add_fault("sse_gone")
    pcm = b""
    with pytest.raises(ModelGone):
        async for part in synthesizer.synthesize(Utterance("Hi.")):
            pcm += part
    assert pcm and make_sound("Hi.").startswith(pcm) and len(server.requests) == 1


async def test_model_of_designed_voices_is_not_replaced(
    server: MimoServer, synthesizer: MimoSynthesizer
) -> None:
    server.rules.models = ("mimo-v2.5-tts",)
    for utterance in (Utterance("Hi.", description="x"), Utterance("Hi.", sample=SAMPLE)):
        with pytest.raises(ModelGone):
            await collect_audio(synthesizer, utterance)


async def test_invalid_utterance_is_refused(synthesizer: MimoSynthesizer) -> None:
    with pytest.raises(EngineRefused) as caught:
        await collect_audio(synthesizer, Utterance("Hi.", voice="mia"))
    assert caught.value.values["reason"] == "unknown voice mia"
    with pytest.raises((EngineRefused, EngineBadReply)):
        await collect_audio(synthesizer, Utterance(" "))
