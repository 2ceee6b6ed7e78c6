"""The examples of MiMo's documents on audio understanding: what is asked, and what comes back."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from core.engines.mimo import Mimo
from core.engines.mimo_chat_wire import MAX_BYTES
from core.errors import EngineRefused
from core.models import Answer, Audio, Question, Turn
from tests.emulators.mimo import MimoServer
from tests.emulators.mimo.tones import make_recording, make_wav
from tests.engines.conftest import make_settings
from tests.support import sounds

MODELS = ("mimo-v2.5", "mimo-v2-omni")
URL = "https://example-files.cnbj1.mi-fds.com/example-files/audio/audio_example.wav"
SYSTEM = (
    "You are MiMo, an AI assistant developed by Xiaomi. Today is date: Tuesday, December 16, 2025."
    " Your knowledge cutoff date is December 2024."
)
TEXT = "please describe the content of the audio"
GOOD = "Good morning. Could you tell me what the weather will be like today?"
#: Four seconds, as in the example: 25 tokens.
WAV = make_recording([7, 8, 9, 10])
FORMATS = {
    "audio/mpeg": "mp3",
    "audio/wav": "wav",
    "audio/flac": "flac",
    "audio/mp4": "m4a",
    "audio/ogg": "ogg-opus",
}


def ask(model: str, *data: str) -> dict[str, Any]:
    """The body as the documents write it."""
    parts = [{"type": "input_audio", "input_audio": {"data": one}} for one in data]
    return {
        "model": model,
        "messages": [
            {"role": "system", "content": SYSTEM},
            {"role": "user", "content": [*parts, {"type": "text", "text": TEXT}]},
        ],
        "max_completion_tokens": 1024,
    }


def question(*audios: Audio, is_thinking: bool = False) -> Question:
    turns = (Turn("user", TEXT, audios),)
    return Question(turns, instructions=SYSTEM, is_thinking=is_thinking, max_tokens=1024)


def link(url: str = URL) -> Audio:
    return Audio(b"", "audio/wav", 4.0, url=url)


def digest(sound: bytes) -> str:
    """What the ledger shows in the place of a sound's base64."""
    return hashlib.sha256(sound).hexdigest()


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
async def mimo(server: MimoServer, model: str) -> AsyncIterator[Mimo]:
    settings = make_settings(
        mimo_base_url=server.base_url, mimo_api_key=server.key, mimo_chat_model=model
    )
    engine = Mimo(settings)
    yield engine
    await engine.close()


@pytest.fixture(params=[False, True], ids=["whole", "stream"])
def on_text(request: pytest.FixtureRequest) -> Any:
    return (lambda _: None) if request.param else None


def added(on_text: Any) -> dict[str, Any]:
    """What we say besides: not to think, for that is the service's default; and to stream."""
    return {"thinking": {"type": "disabled"}, **({"stream": True} if on_text else {})}


async def test_quick_start_with_a_url(
    server: MimoServer, mimo: Mimo, model: str, on_text: Any
) -> None:
    server.set_text(WAV, GOOD)
    answer = await mimo.answer(question(link()), on_text=on_text)
    [call] = server.calls
    assert call.request == {**ask(model, URL), **added(on_text)}
    assert answer.text == f'I heard 1 recordings: 4.0 s ("{GOOD}").'


@pytest.mark.parametrize("mime", FORMATS)
@pytest.mark.parametrize(("model", "on_text"), [(MODELS[0], True)], indirect=True)
async def test_base64_in_every_format(
    server: MimoServer, mimo: Mimo, model: str, on_text: Any, mime: str
) -> None:
    sound = sounds.file(FORMATS[mime], WAV[44:])
    answer = await mimo.answer(question(Audio(sound, mime, 4.0)), on_text=on_text)
    [call] = server.calls
    expected = ask(model, f"data:{mime};base64,{digest(sound)}")
    assert call.request == {**expected, **added(on_text)}
    assert '"w7 w8 w9 w10"' in answer.text, "it was heard, tone by tone"


async def test_several_sounds_in_one_question(
    server: MimoServer, mimo: Mimo, model: str, on_text: Any
) -> None:
    mp3 = sounds.file("mp3", make_recording([1, 2])[44:])
    audios = [link(), Audio(mp3, "audio/mpeg", 2.0), Audio(WAV, "audio/wav", 4.0)]
    answer = await mimo.answer(question(*audios), on_text=on_text)
    [call] = server.calls
    data = [f"data:audio/mpeg;base64,{digest(mp3)}", f"data:audio/wav;base64,{digest(WAV)}"]
    assert call.request == {**ask(model, URL, *data), **added(on_text)}
    assert answer.text.startswith("I heard 3 recordings:")
    assert [s["kind"] for s in call.sounds] == ["wav", "mp3", "wav"]


@pytest.mark.parametrize("model", MODELS[:1], indirect=True)
async def test_the_documents_own_reply_has_no_content_and_still_gives_a_good_answer(
    server: MimoServer, mimo: Mimo, on_text: Any
) -> None:
    server.add_answer(GOOD, reasoning="")
    server.add_fault("chat_swapped")
    shown: list[str] = []
    answer = await mimo.answer(question(link()), on_text=on_text and shown.append)
    assert (answer.text, answer.is_thought) == (GOOD, False)
    first, second = server.calls
    assert first.request == second.request, "asked once more, not to think"
    assert not shown or shown[-1] == GOOD
    usage = answer.usage
    assert usage is not None
    assert usage.prompt_tokens + usage.completion_tokens == first.tokens + second.tokens


@pytest.mark.parametrize("model", MODELS[:1], indirect=True)
async def test_a_reply_that_stays_without_content_is_given_as_what_it_is(
    server: MimoServer, mimo: Mimo, on_text: Any
) -> None:
    server.add_answer(GOOD, reasoning="")
    server.add_fault("chat_swapped", times=None)
    shown: list[str] = []
    answer = await mimo.answer(question(link()), on_text=on_text and shown.append)
    assert (answer.text, answer.is_thought, shown) == (GOOD, True, [])
    assert len(server.calls) == 2


async def test_thinking_as_the_service_does_by_default(
    server: MimoServer, mimo: Mimo, model: str
) -> None:
    server.add_answer(GOOD, reasoning="Somebody greets.")
    answer = await mimo.answer(question(link(), is_thinking=True))
    assert server.calls[0].request == {**ask(model, URL), "thinking": {"type": "enabled"}}
    assert (answer.text, answer.reasoning) == (GOOD, "Somebody greets.")


async def test_the_documents_bodies_are_taken_as_they_stand(server: MimoServer, model: str) -> None:
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
async def test_sound_costs_six_and_a_quarter_tokens_a_second(
    server: MimoServer, mimo: Mimo
) -> None:
    assert mimo.chat_limits.audio_tokens_per_s == 6.25
    for seconds in (4, 160):
        sound = make_wav(bytes(2 * 16_000 * seconds))
        await mimo.answer(question(Audio(sound, "audio/wav", float(seconds))))
    [first, second] = [answer.tokens for answer in server.calls]
    assert second - first == pytest.approx(156 * 6.25, abs=20)


@pytest.mark.parametrize("model", MODELS[:1], indirect=True)
async def test_largest_sound_in_base64(server: MimoServer, mimo: Mimo) -> None:
    wav = make_wav(bytes((MAX_BYTES - 44) // 2 * 2))
    assert 49_999_800 < -(-len(wav) // 3) * 4 <= 50_000_000
    answer = await mimo.answer(question(Audio(wav, "audio/wav", 1171.0)))
    assert answer.text.startswith("I heard 1 recordings: 1171.")
    assert server.calls[0].sound_bytes == len(wav)


def pad(size: int) -> bytes:
    """A second of silence in a WAV file of that size."""
    wav = make_wav(bytes(32_000))
    rest = size - len(wav) - 8
    return wav + b"JUNK" + rest.to_bytes(4, "little") + bytes(rest)


@pytest.mark.parametrize("model", MODELS[:1], indirect=True)
async def test_largest_sound_at_a_url(server: MimoServer, mimo: Mimo) -> None:
    server.set_url(URL + "?fits", pad(100_000_000))
    server.set_url(URL + "?larger", pad(100_000_001))
    assert isinstance(await mimo.answer(question(link(URL + "?fits"))), Answer)
    with pytest.raises(EngineRefused) as caught:
        await mimo.answer(question(link(URL + "?larger")))
    assert caught.value.values["reason"] == "the audio exceeds the limit of 100 MB"


@pytest.mark.parametrize(
    "audio",
    [
        Audio(bytes(MAX_BYTES + 1), "audio/wav", 1.0),
        Audio(b"\xff\xf1", "audio/aac", 1.0),
        Audio(b"", "audio/wav", 1.0, url="file:///etc/passwd"),
    ],
    ids=["size", "format", "address"],
)
async def test_what_the_documents_refuse_is_not_sent(
    server: MimoServer, mimo: Mimo, audio: Audio
) -> None:
    with pytest.raises(EngineRefused):
        await mimo.answer(question(audio))
    assert not server.calls


async def test_all_sounds_and_texts_together_must_fit_the_context(
    server: MimoServer, mimo: Mimo, model: str
) -> None:
    expected = {"mimo-v2.5": 1_000_000, "mimo-v2-omni": 256_000}
    assert mimo.chat_limits.context_tokens == expected[model]
    server.rules.context_tokens = 200
    wav = Audio(WAV, "audio/wav", 4.0)
    assert (await mimo.answer(question(wav, wav))).text
    with pytest.raises(EngineRefused) as caught:
        await mimo.answer(question(wav, wav, wav, wav, wav, wav))
    assert caught.value.values["reason"] == "the input exceeds the context of the model"
