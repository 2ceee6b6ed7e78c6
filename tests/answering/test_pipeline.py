"""Questions to an engine: stored, counted, continued, and never asked twice."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import func, select

from core.answering.pipeline import (
    AnsweringPipeline,
    QuestionTooLong,
    count_question_tokens,
    join_parts,
)
from core.clock import Clock
from core.errors import EngineBusy
from core.interfaces import AnswererLimits
from core.limits.budgets import Budgets
from core.models import Answer, Audio, Question, Turn
from core.store import Store
from core.store.database.schema import usage
from core.text.tokens import count_tokens
from tests.support.loopback import ScriptedAnswerer
from tests.support.thread_media import ThreadMedia

SOUND = Audio(b"OggS and so on", "audio/ogg", 100.0)


def ask(text: str = "Who?", *audios: Audio, **options: object) -> Question:
    return replace(Question((Turn("user", text, audios),)), **options)  # type: ignore[arg-type]


@pytest.fixture
def engine() -> ScriptedAnswerer:
    return ScriptedAnswerer()


@pytest.fixture
async def answering(store: Store, engine: ScriptedAnswerer, clock: Clock) -> AnsweringPipeline:
    return AnsweringPipeline(ThreadMedia(), engine, store.results, Budgets(store.budgets), clock)


async def test_same_question_is_paid_for_once(
    answering: AnsweringPipeline, engine: ScriptedAnswerer, store: Store
) -> None:
    first = await answering.answer(ask("Who?", SOUND))
    again = await answering.answer(ask("Who?", replace(SOUND, data=bytes(SOUND.data))))
    assert (first, len(engine.questions)) == (again, 1)
    assert await store.results._database.scalar(select(func.sum(usage.c.calls))) == 1


@pytest.mark.parametrize(
    "other",
    [
        ask("Why?", SOUND),
        ask("Who?"),
        ask("Who?", replace(SOUND, data=b"OggS otherwise")),
        ask("Who?", replace(SOUND, url="https://a.example/a.ogg")),
        ask("Who?", SOUND, SOUND),
        ask("Who?", SOUND, instructions="Be brief."),
        ask("Who?", SOUND, is_thinking=True),
        ask("Who?", SOUND, max_tokens=1),
    ],
)
async def test_different_question_is_asked_again(
    answering: AnsweringPipeline, engine: ScriptedAnswerer, other: Question, clock: Clock
) -> None:
    for question in (ask("Who?", SOUND), other):
        await answering.answer(question)
    assert len(engine.questions) == 2
    engine.model, engine.failures = "scripted-2", [EngineBusy("503")]
    await clock.sleep(100)
    with pytest.raises(EngineBusy):
        await answering.answer(other)
    assert len(engine.questions) == 3, "of another model too"
    assert (await answering.gate.state()).failed_at == clock.now()


async def test_question_beyond_the_context_is_not_sent(
    answering: AnsweringPipeline, engine: ScriptedAnswerer
) -> None:
    engine.limits = AnswererLimits(context_tokens=1000, formats=("audio/ogg",))
    fits = ask("字" * 100, SOUND, max_tokens=275)
    assert count_question_tokens(fits, engine.limits) == 1000
    await answering.answer(fits)
    with pytest.raises(QuestionTooLong):
        await answering.answer(ask("字" * 101, SOUND, max_tokens=275))
    assert len(engine.questions) == 1


async def test_only_the_rest_of_a_cut_answer_is_retried(
    answering: AnsweringPipeline, engine: ScriptedAnswerer
) -> None:
    engine.scripts = {"Continue": "the end.", "Who": Answer("The beginning,", is_cut=True)}
    engine.failures = [None, EngineBusy("503")]
    with pytest.raises(EngineBusy):
        await answering.answer(ask("Who?", SOUND))
    texts: list[str] = []
    whole = await answering.answer(ask("Who?", SOUND), on_text=texts.append)
    assert whole.text == "The beginning, the end." and not whole.is_cut
    assert whole.usage and (whole.usage.prompt_tokens, whole.usage.completion_tokens) == (20, 20)
    assert texts == ["The beginning, the end."]
    assert [len(question.turns) for question in engine.questions] == [1, 3, 3]


async def test_answer_stays_cut_if_the_context_is_full(
    answering: AnsweringPipeline, engine: ScriptedAnswerer
) -> None:
    engine.limits = AnswererLimits(context_tokens=200)
    engine.scripts = {"Who": Answer("word " * 200, is_cut=True)}
    answer = await answering.answer(ask("Who?", max_tokens=100))
    assert answer.is_cut and len(engine.questions) == 1
    engine.limits, engine.scripts = AnswererLimits(), {"": Answer("on", is_cut=True)}
    answer = await answering.answer(ask("How?"))
    assert answer.is_cut and len(engine.questions) == 1 + 3, "nor does it go on for ever"


def test_continuations_are_joined_by_script() -> None:
    assert join_parts("So far", "so good") == "So far so good"
    assert join_parts("So far,", "so good") == "So far, so good"
    assert join_parts("So far ", "so good") == "So far so good"
    assert join_parts("So far", ", so good") == "So far, so good"
    assert join_parts("你好", "世界") == "你好世界"
    assert join_parts("你好", "so") == "你好so"
    assert join_parts("가", "나") == "가 나"
    assert join_parts("Nice 😀", "So far") == "Nice 😀 So far"
    assert join_parts("a", "") == "a"
    assert join_parts("", "a") == "a"


def test_token_estimate_is_an_upper_bound() -> None:
    assert count_tokens("") == 0
    assert count_tokens("Four words of text") == 6
    assert count_tokens("你好，世界") == 5
    assert count_tokens("안녕하세요") == 5
