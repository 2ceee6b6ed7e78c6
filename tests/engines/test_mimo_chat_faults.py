"""What can be wrong with an answer of a model that understands; other faults: test_faults."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from core.engines.mimo import Mimo
from core.errors import EngineBadReply
from core.models import Audio, Question, Turn, Usage
from tests.emulators.mimo import MimoServer
from tests.emulators.mimo.faults import CHATS
from tests.engines.conftest import make_audio

WORDS = "It is four."

OnText = Callable[[str], None] | None


@pytest.fixture(params=[False, True], ids=["plain", "stream"])
def shown(request: pytest.FixtureRequest) -> list[str] | None:
    """What was shown, None where nothing is streamed."""
    return [] if request.param else None


def ask(*audios: Audio, is_thinking: bool = False) -> Question:
    return Question((Turn("user", "When?", audios),), is_thinking=is_thinking)


def listen(shown: list[str] | None) -> OnText:
    return None if shown is None else shown.append


@pytest.mark.parametrize(
    "kind", sorted({*CHATS, "reasoning_only", "finish_length"} - {"chat_deaf"})
)
async def test_odd_answer_that_can_be_used(
    server: MimoServer, mimo: Mimo, kind: str, shown: list[str] | None
) -> None:
    server.add_answer(WORDS)
    server.add_fault(kind)
    answer = await mimo.answer(ask(make_audio(5)), on_text=listen(shown))
    assert answer.text == (WORDS[: len(WORDS) // 2] if kind == "finish_length" else WORDS)
    assert answer.is_cut == (kind in ("finish_length", "chat_repetition"))
    assert not answer.is_thought
    assert len(server.calls) == (2 if kind in ("reasoning_only", "chat_swapped") else 1)
    assert not shown or all(WORDS.startswith(text.strip()) for text in shown)
    assert answer.reasoning == ("Hm, hm." if kind == "chat_tags" else "")


async def test_sound_that_was_not_counted_was_not_heard(
    server: MimoServer, mimo: Mimo, shown: list[str] | None
) -> None:
    server.add_fault("chat_deaf")
    with pytest.raises(EngineBadReply):
        await mimo.answer(ask(make_audio(5)), on_text=listen(shown))
    assert len(server.calls) == 1, "it is not for the engine to try again"
    server.add_fault("chat_deaf")
    assert (await mimo.answer(ask())).text, "where there was none, none is counted"


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
    for kind in ("reasoning_only", "chat_deaf"):
        server.add_fault(kind)
    with pytest.raises(EngineBadReply, match="not heard"):
        await mimo.answer(ask(make_audio(5)))
    assert len(server.calls) == 2
