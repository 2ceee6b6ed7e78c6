"""Transcription by MiMo over real HTTP, and the choice of models in all its roles."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, NamedTuple

import pytest

from core.config import Settings
from core.engines.mimo.answerer import MimoAnswerer
from core.engines.mimo.role import MimoRole
from core.engines.mimo.synthesizer import MimoSynthesizer
from core.engines.mimo.transcriber import MimoTranscriber
from core.engines.mimo.transcription_wire import MAX_BYTES
from core.engines.wire.client import EngineClient
from core.errors import ConfigError, EngineRefused, ModelGone
from core.models import Audio, Question, Turn, Utterance
from tests.emulators.mimo import MimoServer
from tests.emulators.mimo.tones import make_recording, make_wav
from tests.engines.conftest import collect_audio, make_audio, make_settings
from tests.support import audio_samples


async def test_transcript_and_usage_come_back(
    server: MimoServer, transcriber: MimoTranscriber
) -> None:
    transcript = await transcriber.transcribe(make_audio(7, 4211, 63_999, 0))
    assert transcript.text == "w7 w4211 w63999 w0"
    assert transcript.duration_s == 4.0
    assert not transcript.is_cut and not transcript.is_rough
    usage = transcript.usage
    assert usage is not None and (usage.engine, usage.model) == ("mimo", "mimo-v2.5-asr")
    assert usage.audio_s == 4.0
    assert usage.prompt_tokens == 25 + 21 and usage.completion_tokens == 5
    assert [call.key_header for call in server.all_requests] == ["api-key", "api-key"]
    assert [call.is_streamed for call in server.requests] == [False]


async def test_stream_shows_the_text_as_it_grows(
    server: MimoServer, transcriber: MimoTranscriber
) -> None:
    shown: list[str] = []
    transcript = await transcriber.transcribe(make_audio(1, 2, 3), on_text=shown.append)
    assert shown == ["w1", "w1 w2", "w1 w2 w3"]
    assert transcript.text == "w1 w2 w3"
    assert transcript.usage is not None and transcript.usage.audio_s == 3.0
    assert server.requests[0].is_streamed


async def test_chinese_arrives_whole_byte_by_byte(
    server: MimoServer, transcriber: MimoTranscriber
) -> None:
    audio = make_audio(1)
    server.set_text(audio.data, "你好，世界 😀 good")
    server.add_fault("sse_split")
    shown: list[str] = []
    transcript = await transcriber.transcribe(audio, on_text=shown.append)
    assert transcript.text == "你好，世界 😀 good"
    assert shown[0] == "你好，世界"


async def test_key_in_the_authorization_header(server: MimoServer) -> None:
    values = {"mimo_base_url": f"{server.base_url}/", "mimo_api_key": f" {server.key}\n"}
    engine = MimoTranscriber(make_settings(**values, mimo_auth_header="authorization"))
    assert (await engine.transcribe(make_audio(5))).text == "w5"
    assert server.requests[0].key_header == "authorization"
    await engine.close()


async def test_mp3_is_transcribed(server: MimoServer, transcriber: MimoTranscriber) -> None:
    pcm = make_recording([7, 8, 9])[44:]
    mp3 = audio_samples.encode(pcm, "mp3", "libmp3lame", options={"b": "32000"})
    assert (await transcriber.transcribe(Audio(mp3, "audio/mpeg", 3.0))).text == "w7 w8 w9"
    assert server.requests[0].audio_bytes == len(mp3)


async def test_silence_gives_an_empty_transcript(transcriber: MimoTranscriber) -> None:
    silence = Audio(make_wav(bytes(32_000)), "audio/wav", 1.0)
    assert (await transcriber.transcribe(silence)).text == ""
    assert (await transcriber.transcribe(silence, on_text=lambda _: None)).text == ""


async def test_only_oversized_audio_is_not_sent(
    server: MimoServer, transcriber: MimoTranscriber
) -> None:
    data = make_wav(bytes((MAX_BYTES - len(make_wav(b""))) // 2 * 2))
    await transcriber.transcribe(Audio(data, "audio/wav", 234.0))
    assert MAX_BYTES - 2 < server.requests[0].audio_bytes <= MAX_BYTES
    large, other = Audio(bytes(MAX_BYTES + 1), "audio/wav", 1.0), Audio(b"", "audio/ogg", 1.0)
    for audio in (large, other):
        with pytest.raises(EngineRefused):
            await transcriber.transcribe(audio)
    assert len(server.requests) == 1


async def test_invalid_audio_is_refused_with_the_reason(
    transcriber: MimoTranscriber,
) -> None:
    with pytest.raises(EngineRefused) as caught:
        await transcriber.transcribe(Audio(b"SILK_V3 and so on", "audio/wav", 1.0))
    assert caught.value.values == {"reason": "the audio cannot be decoded"}


async def test_eight_calls_run_at_once(server: MimoServer, transcriber: MimoTranscriber) -> None:
    server.rules.latency_s = 0.3
    texts = await asyncio.gather(*(transcriber.transcribe(make_audio(n)) for n in range(8)))
    assert [t.text for t in texts] == [f"w{n}" for n in range(8)]
    assert server.max_concurrent == 8
    assert len(server.all_requests) == 9, "the list of models is asked once"


async def test_truncated_transcript_is_marked(
    server: MimoServer, transcriber: MimoTranscriber
) -> None:
    audio = make_audio(5)
    server.set_text(audio.data, "word " * 3000)
    transcript = await transcriber.transcribe(audio)
    assert transcript.is_cut and len(transcript.text) > 8000
    assert (await transcriber.transcribe(audio, on_text=lambda _: None)).is_cut


@pytest.mark.parametrize(
    "values",
    [
        *({"mimo_base_url": url} for url in ("ftp://a.org", "a.org/v1", "http://", "http://a:b/")),
        *({"mimo_api_key": key} for key in ("sk-ключ", "sk-a\nb")),
    ],
)
def test_unusable_url_or_key_is_a_config_error(values: dict[str, str]) -> None:
    with pytest.raises(ConfigError) as caught:
        MimoTranscriber(make_settings(**{"mimo_api_key": "sk-x", **values}))
    assert values.get("mimo_api_key", "none") not in str(caught.value)


class Role(NamedTuple):
    """One role of MiMo."""

    kind: type[MimoRole]
    #: Two of its models, the better one first.
    models: tuple[str, ...]
    call: Callable[[Any], Awaitable[Any]]


QUESTION = Question((Turn("user", "Hi."),))
ROLES = (
    Role(
        MimoTranscriber,
        ("mimo-v3-asr", "mimo-v2.5-asr"),
        lambda engine: engine.transcribe(make_audio(5)),
    ),
    Role(
        MimoSynthesizer,
        ("mimo-v2.5-tts", "mimo-v2-tts"),
        lambda engine: collect_audio(engine, Utterance("Hi.")),
    ),
    Role(
        MimoAnswerer,
        ("mimo-v2.6-flash", "mimo-v2.5"),
        lambda engine: engine.answer(QUESTION),
    ),
)


@pytest.fixture(params=ROLES, ids=lambda role: role.kind.__name__)
def role(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Role:
    found: Role = request.param
    monkeypatch.setattr(found.kind, "models", found.models)
    return found


@pytest.fixture
async def shared(mimo_settings: Settings) -> AsyncIterator[EngineClient]:
    """The connections of all roles."""
    client = MimoTranscriber(mimo_settings).shared
    yield client
    await client.close()


async def test_configured_model_is_never_replaced(server: MimoServer, role: Role) -> None:
    given = role.models[0].replace("mimo", "MiMo")
    values = {"mimo_base_url": server.base_url, "mimo_api_key": server.key}
    engine = role.kind(make_settings(**values, **{role.kind.model_setting: given}))
    assert engine.model == given
    for _ in range(2):
        with pytest.raises(ModelGone):
            await role.call(engine)
    assert engine.model == given
    assert [call.status for call in server.all_requests] == [400, 400], "and no list was requested"
    server.rules.models = (given,)
    assert await role.call(engine)
    assert server.requests[-1].model == given
    await engine.close()


async def test_retired_model_is_replaced_by_the_next(
    server: MimoServer, mimo_settings: Settings, role: Role
) -> None:
    better, other = server.rules.models = role.models
    engine = role.kind(mimo_settings)
    assert engine.model == better
    await role.call(engine)
    server.rules.models = (other,)
    await role.call(engine)
    assert engine.model == other
    assert [call.model for call in server.billed] == [better, other]
    server.rules.models = ()
    with pytest.raises(ModelGone):
        await role.call(engine)
    server.rules.models = (other,)
    assert await role.call(engine), "it recovers by itself"
    assert [call.method for call in server.all_requests].count("GET") == 2, "without a restart"
    await engine.close()


async def test_retired_model_does_not_affect_other_roles(
    server: MimoServer, mimo_settings: Settings, shared: EngineClient, role: Role
) -> None:
    others = [other for other in ROLES if other is not role]
    server.rules.models = tuple(other.models[1] for other in others)
    with pytest.raises(ModelGone):
        await role.call(role.kind(mimo_settings, shared))
    assert all([await other.call(other.kind(mimo_settings, shared)) for other in others])
