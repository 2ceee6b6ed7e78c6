"""The examples of MiMo's documents on speech, typed as /say: what is asked, and what comes back."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from typing import Any

import av
import pytest

from core.engines.mimo import Mimo
from core.models import JobState, Reply
from core.store import Store
from tests.conftest import NewMessage
from tests.emulators.mimo import MimoServer
from tests.emulators.mimo.speaking import GAP_S, RATE_HZ, expected_numbers, read_numbers
from tests.emulators.mimo.tones import WORD_S
from tests.engines.conftest import make_settings
from tests.support import sounds
from tests.support.loopback import Road, road_on

V2, V25 = "mimo-v2-tts", "mimo-v2.5-tts"
#: What SeamJoiner keeps of the silence after the last word, at most.
EDGE_S = 0.12
CAKE = "It's just so stupid! (sobbing) All that money and the dog... (sudden laugh) he ate it!"
#: The styles of an example and its text.
STYLED = [
    ("Happy", "Tomorrow is Friday, so happy!"),
    ("唱歌", "Row, row, row your boat, gently down the stream."),
    ("Northeastern dialect", "这天儿可真冷啊！"),
    ("Speed up Angry", "Hurry up, the train is leaving."),
]
#: Audio tags, and what is stressed and stretched.
TAGGED = [
    "Achoo! Ahem. I—I really [cough] think so.",
    "I just feel... long sigh... like that.",
    CAKE,
    "You are UN-BE-LIEVABLE! I am sooooo done. GET. OUT!",
]


class Saying:
    """A person who types /say to the whole road; MiMo speaks."""

    def __init__(self, road: Road, server: MimoServer, new_message: NewMessage) -> None:
        self._road, self._server, self._new_message = road, server, new_message

    async def __call__(self, typed: str) -> tuple[dict[str, Any], Reply]:
        """Return the body of the one call that was made, and the answer."""
        message = self._new_message(attachment=None, command="say", text=typed)
        job = await self._road.assistant.accept(message)
        assert job is not None
        assert await self._road.settle() == {JobState.DONE: 1}
        [call] = self._server.calls
        [(_, reply)] = self._road.platform.sent
        assert call.is_billed
        return call.request, reply


#: Each model and each way once; all four pairs where that is asked for.
WAYS = [(V2, False), (V25, True)]
ALL_WAYS = [*WAYS, (V2, True), (V25, False)]


@pytest.fixture(params=WAYS, ids=["whole", "stream"])
def way(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def model(way: tuple[str, bool]) -> str:
    return way[0]


@pytest.fixture
def is_streamed(way: tuple[str, bool]) -> bool:
    return way[1]


@pytest.fixture
async def say(
    store: Store, new_message: NewMessage, model: str, is_streamed: bool
) -> AsyncIterator[Saying]:
    async with MimoServer() as server:
        server.rules.models = (model,)
        settings = make_settings(
            mimo_base_url=server.base_url, mimo_api_key=server.key, mimo_tts_model=model
        )
        engine = Mimo(settings)
        engine.can_stream_speech = is_streamed
        async with road_on(store, synthesizer=engine) as road:
            yield Saying(road, server, new_message)
        await engine.close()


def ask(model: str, voice: str, text: str, *, is_streamed: bool, user: str = "") -> dict[str, Any]:
    """The body as the documents write it."""
    messages = [{"role": "user", "content": user}] if user else []
    return {
        "model": model,
        "messages": [*messages, {"role": "assistant", "content": text}],
        "audio": {"format": "pcm16" if is_streamed else "wav", "voice": voice},
        **({"stream": True} if is_streamed else {}),
    }


def check_note(reply: Reply, text: str) -> None:
    """See that the answer is one voice note which says every word of `text`, and no more."""
    assert (reply.text, reply.quote, reply.buttons) == ("", "", ())
    [file] = reply.files
    assert (file.mime, file.data[:4]) == ("audio/ogg", b"OggS")
    with av.open(io.BytesIO(file.data)) as container:
        assert container.streams.audio[0].codec_context.name in ("opus", "libopus")
    words = expected_numbers(text)
    pcm = sounds.decode(file.data, RATE_HZ)
    assert read_numbers(pcm) == words
    expected_s = len(words) * (WORD_S + GAP_S)
    assert file.duration_s == pytest.approx(expected_s, abs=EDGE_S)
    assert len(pcm) / 2 / RATE_HZ == pytest.approx(expected_s, abs=EDGE_S)


def default_voice(model: str, text: str) -> str:
    names = {V2: ("default_en", "default_zh"), V25: ("Mia", "冰糖")}[model]
    return names[not text.isascii() and "—" not in text]


@pytest.mark.parametrize(("style", "text"), STYLED, ids=[style for style, _ in STYLED])
async def test_a_style_before_the_text(
    say: Saying, model: str, is_streamed: bool, style: str, text: str
) -> None:
    request, reply = await say(f"<style>{style}</style>{text}")
    tag = f"<style>{style}</style>" if model == V2 else f"({style})"
    voice = default_voice(model, text)
    assert request == ask(model, voice, f"{tag}{text}", is_streamed=is_streamed)
    check_note(reply, text)


@pytest.mark.parametrize("tag", ["<style>sing</style>", "(唱歌)"])
async def test_every_name_of_singing(say: Saying, model: str, tag: str) -> None:
    lyrics = "Row, row, row your boat."
    request, reply = await say(f"{tag}{lyrics}")
    tag = "<style>唱歌</style>" if model == V2 else "(唱歌)"
    assert request["messages"] == [{"role": "assistant", "content": f"{tag}{lyrics}"}]
    check_note(reply, lyrics)


@pytest.mark.parametrize("text", TAGGED, ids=[text[:12] for text in TAGGED])
async def test_audio_tags_and_stress_stay_as_typed(
    say: Saying, model: str, is_streamed: bool, text: str
) -> None:
    request, reply = await say(text)
    assert request == ask(model, default_voice(model, text), text, is_streamed=is_streamed)
    check_note(reply, text)


@pytest.mark.parametrize("way", ALL_WAYS, indirect=True)
async def test_direction_in_the_message_of_the_user(
    say: Saying, model: str, is_streamed: bool
) -> None:
    question, answer = "Hello, MiMo, have you had lunch?", "Yes, I had a sandwich."
    request, reply = await say(f'voice:mimo_default style:"{question}" {answer}')
    expected = ask(model, "mimo_default", answer, is_streamed=is_streamed, user=question)
    assert request == expected
    check_note(reply, answer)


VOICES = [
    *((WAYS[0], voice) for voice in ("mimo_default", "default_zh", "default_en")),
    *((WAYS[1], voice) for voice in ("mimo_default", "Mia", "白桦")),
]


@pytest.mark.parametrize(("way", "voice"), VOICES, indirect=["way"])
async def test_each_voice_of_the_documents(
    say: Saying, model: str, is_streamed: bool, voice: str
) -> None:
    text = "You are UN-BE-LIEVABLE!"
    request, reply = await say(f"voice:{voice} {text}")
    assert request == ask(model, voice, text, is_streamed=is_streamed)
    check_note(reply, text)
