"""What can be wrong with an answer of a model that understands; other faults: test_mimo_faults."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from core.engines.mimo import Mimo
from core.errors import EngineBadReply, EngineError, EngineRefused
from core.models import Audio, Question, Turn, Usage
from tests.emulators.mimo import MimoServer
from tests.emulators.mimo.faults import ANSWERS, CHATS
from tests.engines.conftest import make_audio

WORDS = "It is four."
THOUGHTS = "Let me see."

#: None: the answer is good, though perhaps only that to the second call.
ANSWERED: dict[str, type[EngineError] | None] = {
    "empty_choices": EngineBadReply,
    "null_content": EngineBadReply,
    "reasoning_only": None,
    "empty_text": EngineBadReply,
    "finish_length": None,
    "content_filter": EngineRefused,
    "wrong_model": None,
    "no_usage": None,
    "chat_swapped": None,
    "chat_deaf": EngineBadReply,
    "chat_no_details": None,
    "chat_repetition": None,
    "chat_tags": None,
}

OnText = Callable[[str], None] | None


@pytest.fixture(params=[False, True], ids=["plain", "stream"])
def shown(request: pytest.FixtureRequest) -> list[str] | None:
    """What was shown, None where nothing is streamed."""
    return [] if request.param else None


def ask(*audios: Audio, is_thinking: bool = False) -> Question:
    return Question((Turn("user", "When?", audios),), is_thinking=is_thinking)


def listen(shown: list[str] | None) -> OnText:
    return None if shown is None else shown.append


def test_no_fault_is_forgotten() -> None:
    assert set(ANSWERED) == {*ANSWERS, *CHATS}


@pytest.mark.parametrize(("kind", "expected"), [(k, e) for k, e in ANSWERED.items() if e])
async def test_wrong_answer(
    server: MimoServer, mimo: Mimo, kind: str, expected: type[EngineError], shown: list[str] | None
) -> None:
    server.add_answer(WORDS)
    server.add_fault(kind)
    with pytest.raises(EngineError) as caught:
        await mimo.answer(ask(make_audio(5)), on_text=listen(shown))
    assert type(caught.value) is expected
    assert len(server.calls) == 1, "it is not for the engine to try again"


@pytest.mark.parametrize("kind", [kind for kind, expected in ANSWERED.items() if not expected])
async def test_odd_answer_that_can_be_used(
    server: MimoServer, mimo: Mimo, kind: str, shown: list[str] | None
) -> None:
    server.add_answer(WORDS)
    server.add_fault(kind)
    answer = await mimo.answer(ask(make_audio(5)), on_text=listen(shown))
    assert answer.text == (WORDS[: len(WORDS) // 2] if kind == "finish_length" else WORDS)
    assert answer.is_cut == (kind in ("finish_length", "chat_repetition"))
    assert not answer.is_thought
    assert (answer.usage is None) == (kind == "no_usage")
    assert len(server.calls) == (2 if kind in ("reasoning_only", "chat_swapped") else 1)
    assert not shown or all(WORDS.startswith(text.strip()) for text in shown)
    assert answer.reasoning == ("Hm, hm." if kind == "chat_tags" else "")


async def test_service_that_counts_no_sound_where_there_was_none(
    server: MimoServer, mimo: Mimo
) -> None:
    server.add_fault("chat_deaf")
    assert (await mimo.answer(ask())).text


@pytest.mark.parametrize("kind", ["chat_swapped", "reasoning_only"])
async def test_thoughts_alone_are_asked_about_once_and_then_said_to_be_thoughts(
    server: MimoServer, mimo: Mimo, kind: str, shown: list[str] | None
) -> None:
    server.add_answer(WORDS, reasoning="")
    server.add_fault(kind, times=None)
    answer = await mimo.answer(ask(is_thinking=True), on_text=listen(shown))
    assert answer.text == {"chat_swapped": WORDS, "reasoning_only": "Hm."}[kind]
    assert answer.is_thought and not answer.is_cut
    assert not shown, "thoughts are never shown while they come"
    assert [call.request["thinking"]["type"] for call in server.calls] == ["enabled", "disabled"]
    tokens = sum(call.tokens for call in server.calls)
    assert isinstance(answer.usage, Usage)
    assert answer.usage.prompt_tokens + answer.usage.completion_tokens == tokens


async def test_second_call_that_fails_is_the_failure(server: MimoServer, mimo: Mimo) -> None:
    server.add_fault("reasoning_only")
    server.add_fault("chat_deaf")
    with pytest.raises(EngineBadReply, match="not heard"):
        await mimo.answer(ask(make_audio(5)))
    assert len(server.calls) == 2


async def test_thoughts_come_apart_from_the_words(
    server: MimoServer, mimo: Mimo, shown: list[str] | None
) -> None:
    server.add_answer(WORDS)
    answer = await mimo.answer(ask(is_thinking=True), on_text=listen(shown))
    assert (answer.text, answer.reasoning) == (WORDS, THOUGHTS)
    assert not shown or THOUGHTS not in " ".join(shown)
