"""Answers by an OpenAI-style server over real HTTP against the emulator."""

from __future__ import annotations

import base64
from itertools import pairwise
from typing import Any

import pytest

from core.clock import Clock
from core.engines.openai.answerer import OpenAIAnswerer
from core.engines.openai.chat_wire import read_error
from core.errors import AudioNotSupported, EngineBusy, EngineRefused
from core.models import Audio, Question, Turn, Usage
from tests.emulators.mimo.faults import Fault
from tests.emulators.mimo.tones import make_recording
from tests.emulators.openai import OpenAIServer
from tests.engines.conftest import MakeOpenAI, make_audio
from tests.support import audio_samples


@pytest.fixture
def answerer(make_openai: MakeOpenAI) -> OpenAIAnswerer:
    return make_openai(OpenAIAnswerer)


@pytest.fixture
def listener(make_openai: MakeOpenAI) -> OpenAIAnswerer:
    return make_openai(OpenAIAnswerer, openai_chat_model="gpt-audio")


def ask(text: str = "What now?", *audios: Audio, **fields: Any) -> Question:
    return Question((Turn("user", text, audios),), instructions="Be brief.", **fields)


async def test_question_is_sent(openai: OpenAIServer, answerer: OpenAIAnswerer) -> None:
    turns = (Turn("user", "One?"), Turn("assistant", "Two."), Turn("user", "3?\udc00"))
    answer = await answerer.answer(Question(turns, instructions="Be brief.", max_tokens=50))
    assert answer.text == "You asked: 3?\ufffd I heard: nothing."
    assert not (answer.is_cut or answer.is_extract or answer.is_thought or answer.reasoning)
    assert answer.usage == Usage("openai", "gpt-4o-mini", prompt_tokens=1, completion_tokens=6)
    asked = [("system", "Be brief."), ("user", "One?"), ("assistant", "Two."), ("user", "3?\ufffd")]
    messages = [{"role": role, "content": text} for role, text in asked]
    body = {"model": "gpt-4o-mini", "messages": messages, "max_completion_tokens": 50}
    assert openai.world.chat_requests == [body]


async def test_answer_is_streamed(openai: OpenAIServer, answerer: OpenAIAnswerer) -> None:
    openai.world.chat.script.append(("What", "All is well in 上海 today."))
    shown: list[str] = []
    answer = await answerer.answer(ask(), on_text=shown.append)
    assert answer.text == "All is well in 上海 today."
    assert shown[0] == "All " and shown[-1] == answer.text and len(shown) == 6
    assert all(later.startswith(sooner) for sooner, later in pairwise(shown))
    assert answer.usage is not None and answer.usage.completion_tokens == 6
    (sent,) = openai.world.chat_requests
    assert (sent["stream"], sent["stream_options"]) == (True, {"include_usage": True})


async def test_audio_is_sent_unchanged(openai: OpenAIServer, listener: OpenAIAnswerer) -> None:
    wav = make_audio(3, 900)
    mp3 = audio_samples.encode(make_recording([7])[44:], "mp3", "libmp3lame")
    answer = await listener.answer(ask("Who?", wav, Audio(mp3, "audio/mpeg", 1.0)))
    assert answer.text == "You asked: Who? I heard: w3 w900 w7."
    (sent,) = openai.world.chat_requests
    first, second, text = sent["messages"][1]["content"]
    assert first["input_audio"]["format"] == "wav" and second["input_audio"]["format"] == "mp3"
    assert base64.b64decode(first["input_audio"]["data"]) == wav.data
    assert text == {"type": "text", "text": "Who?"}


async def test_unsupported_audio_is_not_sent(
    openai: OpenAIServer, listener: OpenAIAnswerer
) -> None:
    linked = Audio(b"", "audio/wav", 1.0, url="https://example.org/a.wav")
    large = Audio(bytes(15_000_001), "audio/wav", 1.0)
    for audio in (Audio(b"OggS", "audio/ogg", 1.0), large, linked):
        with pytest.raises(EngineRefused):
            await listener.answer(ask("?", audio))
    assert openai.world.chat_requests == []
    assert listener.limits.formats[0] == "audio/mpeg"


async def test_model_without_audio_is_remembered(
    openai: OpenAIServer, answerer: OpenAIAnswerer
) -> None:
    assert answerer.limits.formats
    for _ in range(2):
        with pytest.raises(AudioNotSupported) as caught:
            await answerer.answer(ask("Who?", make_audio(1)))
        assert not caught.value.is_retryable
    assert answerer.limits.formats == ()
    assert len(openai.world.chat_requests) == 1, "the second time nothing is sent"
    assert (await answerer.answer(ask())).text == "You asked: What now? I heard: nothing."


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (400, "Invalid value: 'input_audio'. Supported values are: 'text' and 'image_url'."),
        (400, "At most 0 audio(s) may be provided in one prompt."),
        (404, "No endpoints found that support input audio"),
        (422, "This model does not support audio inputs."),
        (400, "Unknown part type: input_audio"),
        (500, "audio input is not supported - hint: you may need to provide the mmproj"),
        (0, "it hears nothing and counts no sound"),
    ],
)
async def test_every_known_refusal_of_audio_is_recognised(
    openai: OpenAIServer, answerer: OpenAIAnswerer, status: int, message: str
) -> None:
    openai.world.chat.ignores_audio = not status
    if status:
        openai.world.chat.audio_error = (status, message)
    with pytest.raises(AudioNotSupported):
        await answerer.answer(ask("Who?", make_audio(1)), on_text=lambda _: None)
    assert answerer.limits.formats == ()


async def test_invalid_audio_is_not_a_refusal_of_all_audio(listener: OpenAIAnswerer) -> None:
    with pytest.raises(EngineRefused) as caught:
        await listener.answer(ask("Who?", Audio(b"no sound", "audio/wav", 1.0)))
    assert not isinstance(caught.value, AudioNotSupported)
    assert listener.limits.formats
    assert (await listener.answer(ask("Who?", make_audio(5)))).text.endswith("I heard: w5.")


async def test_model_that_requires_audio_gets_silence(
    openai: OpenAIServer, listener: OpenAIAnswerer
) -> None:
    for _ in range(2):
        assert (await listener.answer(ask())).text == "You asked: What now? I heard: nothing."
    assert len(openai.world.chat_requests) == 3, "it is remembered"
    assert (await listener.answer(ask("Who?", make_audio(5)))).text.endswith("I heard: w5.")
    assert len(openai.world.chat_requests[-1]["messages"][1]["content"]) == 2


async def test_unknown_parameters_are_left_out(
    openai: OpenAIServer, answerer: OpenAIAnswerer
) -> None:
    openai.world.chat.unsupported = {"max_completion_tokens", "stream_options"}
    for _ in range(2):
        answer = await answerer.answer(ask(max_tokens=70), on_text=lambda _: None)
        assert answer.text == "You asked: What now? I heard: nothing."
    first, _, third, fourth = openai.world.chat_requests
    assert "max_tokens" not in first
    assert third == fourth and third["max_tokens"] == 70 and third["stream"] is True
    assert not {"max_completion_tokens", "stream_options"} & set(third)


async def test_server_without_a_token_limit(openai: OpenAIServer, answerer: OpenAIAnswerer) -> None:
    openai.world.chat.unsupported = {"max_completion_tokens", "max_tokens"}
    with pytest.raises(EngineRefused) as caught:
        await answerer.answer(ask())
    assert "max_tokens" in str(caught.value.values["reason"])
    openai.world.chat.unsupported = set()
    await answerer.answer(ask())
    assert "max_completion_tokens" in openai.world.chat_requests[-1], "nothing was learned of it"


@pytest.mark.parametrize("model", ["xiaomi/mimo-v2.6-flash", "mimo-v2.5[1m]"])
async def test_thinking_is_sent_only_to_models_that_know_it(
    openai: OpenAIServer, answerer: OpenAIAnswerer, make_openai: MakeOpenAI, model: str
) -> None:
    openai.world.chat.models = (model, "gpt-4o-mini")
    openai.world.chat.additional = {"thinking"}
    thinker = make_openai(OpenAIAnswerer, openai_chat_model=model)
    for is_thinking in (True, False):
        await thinker.answer(ask(is_thinking=is_thinking))
        await answerer.answer(ask(is_thinking=is_thinking))
    sent = [(q["model"], q.get("thinking")) for q in openai.world.chat_requests]
    assert sent[::2] == [(model, {"type": "enabled"}), (model, {"type": "disabled"})]
    assert sent[1::2] == [("gpt-4o-mini", None)] * 2
    assert (thinker.limits.can_think, answerer.limits.can_think) == (True, False)


async def test_reasoning_is_never_shown(openai: OpenAIServer, answerer: OpenAIAnswerer) -> None:
    openai.world.chat.reasoning = "Let me see."
    shown: list[str] = []
    answer = await answerer.answer(ask(), on_text=shown.append)
    assert answer.reasoning == "Let me see." and not answer.is_thought
    assert answer.text == shown[-1] == "You asked: What now? I heard: nothing."


async def test_reasoning_only_is_retried_with_more_tokens(
    openai: OpenAIServer, answerer: OpenAIAnswerer
) -> None:
    openai.world.chat.reasoning = "hm " * 30
    answer = await answerer.answer(ask(max_tokens=20))
    assert answer.text == "You asked: What now? I heard: nothing." and not answer.is_cut
    assert [q["max_completion_tokens"] for q in openai.world.chat_requests] == [20, 80]
    assert answer.usage is not None and answer.usage.completion_tokens == 20 + 37


async def test_reasoning_only_is_marked(openai: OpenAIServer, answerer: OpenAIAnswerer) -> None:
    openai.world.chat.reasoning = "hm " * 300
    answer = await answerer.answer(ask(max_tokens=20))
    assert answer.is_thought and answer.text.startswith("hm hm")


async def test_truncated_answer_is_marked(answerer: OpenAIAnswerer) -> None:
    answer = await answerer.answer(ask(max_tokens=3))
    assert (answer.text, answer.is_cut) == ("You asked: What", True)


async def test_deadline_grows_with_audio(
    openai: OpenAIServer, listener: OpenAIAnswerer, clock: Clock
) -> None:
    openai.world.faults.append(Fault("hang"))
    started_s = clock.monotonic()
    with pytest.raises(EngineBusy):
        await listener.answer(ask("Hi.", make_audio(1, 2, 3), max_tokens=100))
    assert clock.monotonic() - started_s == pytest.approx(60 + 2 * 3 + 100 * 0.1)


@pytest.mark.parametrize("status", [401, 402, 403, 429])
def test_other_errors_that_mention_audio_are_kept(status: int) -> None:
    body = b'{"error": {"message": "Upgrade: audio is not supported by max_tokens of your plan"}}'
    assert not isinstance(read_error(status, body), EngineRefused)
