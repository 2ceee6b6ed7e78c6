"""Answers by MiMo over real HTTP against the emulator."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from core.clock import Clock
from core.engines.mimo.answerer import MimoAnswerer
from core.engines.mimo.chat_wire import build_question
from core.engines.mimo.role import CHAT_LIMITS
from core.errors import EngineBadReply, EngineBusy
from core.models import Answer, Audio, Question, Turn, Usage
from tests.emulators.mimo import MimoServer
from tests.emulators.mimo.faults import CHATS
from tests.emulators.mimo.tones import make_wav
from tests.engines.conftest import make_audio, make_settings

WORDS = "It is four."
FLASH, OMNI = "mimo-v2.6-flash", "mimo-v2-omni"


Shown = list[str] | None


def ask(text: str, *audios: Audio, **options: Any) -> Question:
    return Question((Turn("user", text, audios),), **options)


async def test_question_about_a_text(server: MimoServer, answerer: MimoAnswerer) -> None:
    server.add_answer("Four o'clock.", pattern="When")
    question = ask("When is it?", instructions="You are Hearsay.", max_tokens=300)
    answer = await answerer.answer(question)
    assert replace(answer, usage=None) == Answer("Four o'clock.")
    [call] = server.requests
    system = {"role": "system", "content": "You are Hearsay."}
    assert call.body == {
        "model": FLASH,
        "messages": [system, {"role": "user", "content": "When is it?"}],
        "max_completion_tokens": 300,
        "thinking": {"type": "disabled"},
    }
    usage = answer.usage
    assert usage is not None and (usage.engine, usage.model) == ("mimo", FLASH)
    assert usage.prompt_tokens + usage.completion_tokens == call.tokens


async def test_dialogue_about_recordings_keeps_its_order(
    server: MimoServer, answerer: MimoAnswerer
) -> None:
    turns = (
        Turn("user", "What is this?", (make_audio(1), make_audio(2))),
        Turn("assistant", "Two songs.", reasoning="One, two."),
        Turn("assistant", "Or three."),
        Turn("user", "And this?", (make_audio(3),)),
    )
    answer = await answerer.answer(Question(turns))
    assert answer.text == 'I heard 3 recordings: 1.0 s ("w1"), 1.0 s ("w2"), 1.0 s ("w3").'
    user, first, second, last = server.requests[0].body["messages"]
    assert [part["type"] for part in user["content"]] == ["input_audio", "input_audio", "text"]
    assert first == {"role": "assistant", "content": "Two songs.", "reasoning_content": "One, two."}
    assert second == {"role": "assistant", "content": "Or three."}
    assert [part["type"] for part in last["content"]] == ["input_audio", "text"]


async def test_own_turns_carry_reasoning_while_thinking(
    server: MimoServer, answerer: MimoAnswerer
) -> None:
    turns = (Turn("user", "Hi."), Turn("assistant", "Hello."), Turn("user", "Why?"))
    answer = await answerer.answer(Question(turns, is_thinking=True))
    assert answer.reasoning == "Let me see." and answer.text
    request = server.requests[0].body
    assert request["thinking"] == {"type": "enabled"}
    assert request["messages"][1]["reasoning_content"] == ""


async def test_recording_alone_is_a_question_too(
    server: MimoServer, answerer: MimoAnswerer
) -> None:
    for text in ("", " \n", "\x00"):
        answer = await answerer.answer(ask(text, make_audio(5)))
        assert '"w5"' in answer.text, "no call without a text is taken"
        assert server.requests[-1].question.strip()


async def test_stream_never_shows_reasoning(server: MimoServer, answerer: MimoAnswerer) -> None:
    server.add_answer("It is four.", reasoning="Hm hm.")
    shown: list[str] = []
    answer = await answerer.answer(ask("When?", is_thinking=True), on_text=shown.append)
    assert shown == ["It", "It is", "It is four."]
    assert (answer.text, answer.reasoning) == ("It is four.", "Hm hm.")
    assert server.requests[0].is_streamed and server.requests[0].body["stream"] is True


async def test_question_is_repeated_without_thinking(
    server: MimoServer, answerer: MimoAnswerer
) -> None:
    server.add_answer("It is four.", reasoning="hm " * 100)
    shown: list[str] = []
    question = ask("When?", is_thinking=True, max_tokens=20)
    answer = await answerer.answer(question, on_text=shown.append)
    assert (answer.text, answer.is_cut, answer.is_thought) == ("It is four.", False, False)
    assert shown == ["It", "It is", "It is four."]
    assert [call.body["thinking"]["type"] for call in server.requests] == ["enabled", "disabled"]


async def test_max_tokens_are_within_the_limits(server: MimoServer, answerer: MimoAnswerer) -> None:
    for asked, sent in {0: 1, 1: 1, 131_072: 131_072, 10**6: 131_072}.items():
        await answerer.answer(ask("Go.", max_tokens=asked))
        assert server.requests[-1].body["max_completion_tokens"] == sent


def test_audio_is_encoded_while_it_is_sent() -> None:
    sounds = [Audio(bytes(8_000_000 + n), "audio/wav", 250.0) for n in range(3)]
    tracemalloc.start()
    try:
        body = build_question(ask("What?", *sounds), model=FLASH)
        size = sum(len(part) for part in body)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert size == int(body.headers["content-length"]) > 32_000_000
    assert peak_bytes < 1_000_000


@pytest.mark.parametrize(
    ("model", "context"),
    [("mimo-v2.6-pro", 10**6), (OMNI, 256_000), (f"{OMNI}[1m]", 10**6), ("own", 256_000)],
)
async def test_context_depends_on_the_model(server: MimoServer, model: str, context: int) -> None:
    server.rules.models = (model.removesuffix("[1m]"),)
    values = {"mimo_base_url": server.base_url, "mimo_api_key": server.key}
    engine = MimoAnswerer(make_settings(**values, mimo_chat_model=model))
    assert engine.limits.context_tokens == context
    assert (await engine.answer(ask("Hi."))).text
    assert server.requests[0].body["model"] == model
    await engine.close()


async def test_deadline_grows_with_audio_and_tokens(
    server: MimoServer, answerer: MimoAnswerer, clock: Clock
) -> None:
    longer = Audio(make_wav(bytes(32_000)), "audio/wav", 30.0)
    for question, deadline_s in (
        (ask("Hi.", max_tokens=10), 30.3),
        (ask("Hi.", max_tokens=100), 33.0),
        (ask("Hi.", longer, max_tokens=10), 33.3),
    ):
        server.rules.latency_s = deadline_s - 0.1
        assert (await answerer.answer(question)).text
        server.rules.latency_s, started_s = 100.0, clock.monotonic()
        with pytest.raises(EngineBusy):
            await answerer.answer(question)
        assert clock.monotonic() - started_s == pytest.approx(deadline_s)


def test_limits_are_those_of_the_documents() -> None:
    limits = CHAT_LIMITS
    assert limits.formats[0] == "audio/mpeg"
    assert {"audio/wav", "audio/flac", "audio/mp4", "audio/x-m4a", "audio/ogg"} < {*limits.formats}
    assert (limits.can_fetch_urls, limits.can_think, limits.audio_tokens_per_s) == (
        True,
        True,
        6.25,
    )
    assert (limits.calls_per_minute, limits.tokens_per_minute) == (100, 10_000_000)


@pytest.fixture(params=[False, True], ids=["plain", "stream"])
def shown(request: pytest.FixtureRequest) -> Shown:
    """The texts that were shown, None if nothing is streamed."""
    return [] if request.param else None


def listen(shown: Shown) -> Callable[[str], None] | None:
    return None if shown is None else shown.append


@pytest.mark.parametrize(
    "kind",
    sorted({*CHATS, "reasoning_only", "finish_length", "wrong_model", "no_usage"} - {"chat_deaf"}),
)
async def test_unusual_response_is_accepted(
    server: MimoServer, answerer: MimoAnswerer, kind: str, shown: Shown
) -> None:
    server.add_answer(WORDS)
    server.add_fault(kind)
    answer = await answerer.answer(ask("When?", make_audio(5)), on_text=listen(shown))
    assert answer.text == (WORDS[: len(WORDS) // 2] if kind == "finish_length" else WORDS)
    assert answer.is_cut == (kind in ("finish_length", "chat_repetition"))
    assert not answer.is_thought and (answer.usage is None) == (kind == "no_usage")
    assert len(server.requests) == (2 if kind in ("reasoning_only", "chat_swapped") else 1)
    assert not shown or all(WORDS.startswith(text.strip()) for text in shown)
    assert answer.reasoning == ("Hm, hm." if kind == "chat_tags" else "")


async def test_zero_audio_tokens_are_an_error(
    server: MimoServer, answerer: MimoAnswerer, shown: Shown
) -> None:
    server.add_fault("chat_deaf")
    with pytest.raises(EngineBadReply):
        await answerer.answer(ask("When?", make_audio(5)), on_text=listen(shown))
    assert len(server.requests) == 1, "the engine does not retry"
    server.add_fault("chat_deaf")
    assert (await answerer.answer(ask("When?"))).text, "without a recording zero tokens are right"


@pytest.mark.finding(10)
async def test_all_token_counts_are_read(
    server: MimoServer, answerer: MimoAnswerer, shown: Shown
) -> None:
    server.add_answer(WORDS, reasoning="One two three.")
    server.add_fault("chat_cached")
    asked = ask("When?", make_audio(5), is_thinking=True)
    usage = (await answerer.answer(asked, on_text=listen(shown))).usage
    assert usage is not None and usage.reasoning_tokens > 0
    assert (usage.audio_tokens, usage.cached_tokens) == (25, 82)
    server.add_fault("reasoning_only")
    both = (await answerer.answer(asked, on_text=listen(shown))).usage
    assert both is not None and both.reasoning_tokens >= 3
    assert both.audio_tokens == 2 * round(6.25), "both calls are booked"


@pytest.mark.parametrize("kind", ["chat_swapped", "reasoning_only"])
async def test_reasoning_only_is_retried_once_and_then_marked(
    server: MimoServer, answerer: MimoAnswerer, kind: str, shown: Shown
) -> None:
    server.add_answer(WORDS, reasoning="")
    server.add_fault(kind, times=None)
    answer = await answerer.answer(ask("When?", is_thinking=True), on_text=listen(shown))
    assert answer.text == {"chat_swapped": WORDS, "reasoning_only": "Hm."}[kind]
    assert answer.is_thought and not answer.is_cut
    assert not shown, "reasoning is never shown while it streams"
    assert [call.body["thinking"]["type"] for call in server.requests] == ["enabled", "disabled"]
    tokens = sum(call.tokens for call in server.requests)
    assert isinstance(answer.usage, Usage)
    assert answer.usage.prompt_tokens + answer.usage.completion_tokens == tokens


async def test_failure_of_the_second_call_is_raised(
    server: MimoServer, answerer: MimoAnswerer
) -> None:
    for kind in ("reasoning_only", "chat_deaf"):
        server.add_fault(kind)
    with pytest.raises(EngineBadReply, match="was ignored"):
        await answerer.answer(ask("When?", make_audio(5)))
    assert len(server.requests) == 2
