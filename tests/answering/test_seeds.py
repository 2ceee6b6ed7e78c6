"""The examples of MiMo's documentation on audio understanding, requests and responses."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from core.engines.mimo.answerer import MimoAnswerer
from core.engines.mimo.chat_wire import MAX_BYTES
from core.errors import EngineRefused
from core.models import Answer, Audio, Question, Turn
from tests.emulators.mimo import MimoServer
from tests.emulators.mimo.tones import make_recording, make_wav
from tests.engines.conftest import make_settings
from tests.support import audio_samples

MODELS = ("mimo-v2.5", "mimo-v2-omni")
URL = "https://example-files.cnbj1.mi-fds.com/example-files/audio/audio_example.wav"
SYSTEM = (
    "You are MiMo, an AI assistant developed by Xiaomi. Today is date: Tuesday, December 16, 2025."
    " Your knowledge cutoff date is December 2024."
)
TEXT = "please describe the content of the audio"
#: Four seconds, as in the example: 25 tokens.
WAV = make_recording([7, 8, 9, 10])
FORMATS = {"mpeg": "mp3", "wav": "wav", "flac": "flac", "mp4": "m4a", "ogg": "ogg-opus"}


def ask(model: str, *data: str) -> dict[str, Any]:
    """Return the body as in the documentation."""
    parts = [{"type": "input_audio", "input_audio": {"data": one}} for one in data]
    return {
        "model": model,
        "messages": [
            {"role": "system", "content": SYSTEM},
            {"role": "user", "content": [*parts, {"type": "text", "text": TEXT}]},
        ],
        "max_completion_tokens": 1024,
    }


def question(*audios: Audio) -> Question:
    return Question((Turn("user", TEXT, audios),), instructions=SYSTEM, max_tokens=1024)


def link(url: str = URL) -> Audio:
    return Audio(b"", "audio/wav", 4.0, url=url)


def held(sound: bytes, mime: str) -> str:
    """Return how the emulator logs audio: a digest in place of its base64."""
    return f"data:{mime};base64,{hashlib.sha256(sound).hexdigest()}"


@pytest.fixture(params=MODELS)
def model(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def server() -> AsyncIterator[MimoServer]:
    async with MimoServer() as server:
        server.rules.models = MODELS
        server.set_url(URL, WAV)
        yield server


@pytest.fixture
async def answerer(server: MimoServer, model: str) -> AsyncIterator[MimoAnswerer]:
    settings = make_settings(
        mimo_base_url=server.base_url, mimo_api_key=server.key, mimo_chat_model=model
    )
    engine = MimoAnswerer(settings)
    yield engine
    await engine.close()


@pytest.mark.parametrize("is_streamed", [False, True], ids=["whole", "stream"])
async def test_several_recordings_in_one_question(
    server: MimoServer, answerer: MimoAnswerer, model: str, is_streamed: bool
) -> None:
    mp3 = audio_samples.file("mp3", make_recording([1, 2])[44:])
    audios = [link(), Audio(mp3, "audio/mpeg", 2.0), Audio(WAV, "audio/wav", 4.0)]
    on_text = (lambda _: None) if is_streamed else None
    answer = await answerer.answer(question(*audios), on_text=on_text)
    [call] = server.requests
    # What we say besides: not to think, for that is the service's default; and to stream.
    added = {"thinking": {"type": "disabled"}, **({"stream": True} if is_streamed else {})}
    body = ask(model, URL, held(mp3, "audio/mpeg"), held(WAV, "audio/wav"))
    assert call.body == {**body, **added}
    assert answer.text.startswith("I heard 3 recordings:")
    assert [s["kind"] for s in call.recordings] == ["wav", "mp3", "wav"]


@pytest.mark.parametrize("model", MODELS[:1], indirect=True)
async def test_base64_in_every_format(
    server: MimoServer, answerer: MimoAnswerer, model: str
) -> None:
    for name, kind in FORMATS.items():
        sound, mime = audio_samples.file(kind, WAV[44:]), f"audio/{name}"
        answer = await answerer.answer(question(Audio(sound, mime, 4.0)))
        expected = ask(model, held(sound, mime))
        assert server.requests[-1].body == {**expected, "thinking": {"type": "disabled"}}
        assert '"w7 w8 w9 w10"' in answer.text, "it was heard, tone by tone"


async def test_request_bodies_of_the_documentation_are_accepted(
    server: MimoServer, model: str
) -> None:
    headers = {"api-key": server.key}
    async with httpx.AsyncClient(base_url=server.base_url, headers=headers) as client:
        response = await client.post("/chat/completions", json=ask(model, URL))
    reply = response.json()
    assert set(reply) == {"id", "choices", "created", "model", "object", "usage"}
    assert (reply["model"], reply["object"]) == (model, "chat.completion")
    [choice] = reply["choices"]
    assert set(choice) == {"finish_reason", "index", "message"}
    message = {"content", "role", "tool_calls", "reasoning_content"}
    assert set(choice["message"]) == message, "it thinks unless it is told not to"
    assert reply["usage"]["prompt_tokens_details"] == {"audio_tokens": 25, "cached_tokens": 0}


@pytest.mark.parametrize("model", MODELS[:1], indirect=True)
async def test_largest_recordings(
    server: MimoServer, answerer: MimoAnswerer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert 49_999_800 < -(-MAX_BYTES // 3) * 4 <= 50_000_000
    assert answerer.limits.audio_tokens_per_s == 6.25
    wav = make_wav(bytes(2 * 16_000 * 160))
    monkeypatch.setattr("core.engines.mimo.chat_wire.MAX_BYTES", len(wav))
    for sound, seconds in ((WAV, 4.0), (wav, 160.0)):
        await answerer.answer(question(Audio(sound, "audio/wav", seconds)))
    first, second = server.requests
    assert second.tokens - first.tokens == pytest.approx(156 * 6.25, abs=20)
    with pytest.raises(EngineRefused):
        await answerer.answer(question(Audio(wav + b"x", "audio/wav", 160.0)))
    assert len(server.requests) == 2, "what is larger is not sent"


REFUSED = {"format": Audio(b"\xff\xf1", "audio/aac", 1.0), "address": link("file:///etc/passwd")}


@pytest.mark.parametrize("audio", REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("model", MODELS[:1], indirect=True)
async def test_invalid_requests_of_the_documentation_are_not_sent(
    server: MimoServer, answerer: MimoAnswerer, audio: Audio
) -> None:
    with pytest.raises(EngineRefused):
        await answerer.answer(question(audio))
    assert not server.requests


@pytest.mark.parametrize("model", MODELS[:1], indirect=True)
async def test_refusals_of_the_service_are_reported(
    server: MimoServer, answerer: MimoAnswerer
) -> None:
    wav = Audio(WAV, "audio/wav", 4.0)
    server.rules.context_tokens = 200
    assert isinstance(await answerer.answer(question(wav, wav)), Answer)
    with pytest.raises(EngineRefused) as caught:
        await answerer.answer(question(*[wav] * 6))
    assert caught.value.values["reason"] == "the input exceeds the context of the model"
