"""Questions that wait for their turn at the service say so at once, and how long."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from itertools import pairwise

import pytest

from core.clock import Clock
from core.interfaces import AnswererLimits
from core.limits import AccountGate
from core.models import Answer, Attachment, JobState, Message, parse_budget
from core.operations.delays import SLOW
from core.requester import BudgetRules
from core.store import Store
from tests.conftest import NewMessage
from tests.support.loopback import Loopback, ScriptedTranscriber
from tests.transcription.test_clock import press_cancel, seconds_left, texts

HELD = "waiting for the AI service"


def limit(loopback: Loopback, calls_per_minute: int | None, concurrency: int = 8) -> None:
    """Give the account of the language model limits."""
    answerer = loopback.answerer
    answerer.limits = AnswererLimits(concurrency, calls_per_minute)
    loopback.answering.gate = AccountGate(
        "scripted", answerer.limits, "chat", loopback.budgets.clock
    )


@pytest.fixture
async def busy(store: Store) -> AsyncIterator[Loopback]:
    """A model that takes one call a minute."""
    loopback = Loopback(store, ScriptedTranscriber())
    limit(loopback, 1)
    async with loopback.running():
        yield loopback


def ask(new_message: NewMessage, person: str, text: str = "Why?", **changes: object) -> Message:
    given = {"sender_id": person, "command": "ask", "text": f"{text} {person}", "language": "en"}
    return new_message(person, **(given | changes))


async def test_who_has_to_wait_is_told_at_once_how_long(
    busy: Loopback, new_message: NewMessage, clock: Clock
) -> None:
    asked = [ask(new_message, person) for person in "abcd"]
    for message in asked:
        await busy.inbox.accept(message)
        await clock.sleep(0.5)
    assert [texts(busy, message)[:1] for message in asked] == [
        [],
        [f"about 60 s left · {HELD}"],
        [f"place 2 in the queue · about 2 min left · {HELD}"],
        [f"place 3 in the queue · about 3 min left · {HELD}"],
    ]
    assert await busy.settle() == {JobState.DONE: 4}
    for message in asked[1:]:
        left = seconds_left(texts(busy, message))
        assert left == sorted(left, reverse=True) and left[-1] == 10, "it counts down"
        steps = [before - after for before, after in pairwise(left)]
        assert max(steps) <= 60 and SLOW not in texts(busy, message)


async def test_a_group_is_not_told_of_the_queue_and_a_question_can_be_cancelled(
    busy: Loopback, new_message: NewMessage, clock: Clock
) -> None:
    messages = [ask(new_message, person, is_private=False) for person in "abc"]
    jobs = []
    for message in messages:
        jobs.append(await busy.inbox.accept(message))
        await clock.sleep(0.5)
    assert texts(busy, messages[2]) == [f"about 2 min left · {HELD}"]
    await busy.inbox.accept(press_cancel(jobs[1]))
    await clock.sleep(1)
    assert [r.text for to, r in busy.platform.sent if to == messages[1].message_id] == [
        "Cancelled."
    ]
    await busy.settle()
    assert len(busy.answerer.questions) == 2
    assert seconds_left(texts(busy, messages[2]))[-1] == 10


async def test_a_message_after_a_question_that_waits_is_answered_before_it(
    busy: Loopback, new_message: NewMessage, clock: Clock
) -> None:
    await busy.inbox.accept(ask(new_message, "a"))
    await clock.sleep(0.5)
    await busy.inbox.accept(ask(new_message, "b"))
    await clock.sleep(2)
    note = new_message("b", sender_id="b", attachment=Attachment("f", duration_s=3.0))
    await busy.inbox.accept(note)
    await clock.sleep(2)
    assert note.message_id in busy.platform.sent_to


async def test_a_question_says_what_it_uses_of_the_persons_budget(
    busy: Loopback, new_message: NewMessage, clock: Clock
) -> None:
    busy.budgets.rules = BudgetRules(of_people=parse_budget("1 USD/day"))
    busy.answerer.name, busy.answerer.model = "mimo", "mimo-v2.5-pro"
    await busy.inbox.accept(ask(new_message, "a"))
    await clock.sleep(0.5)
    asked = ask(new_message, "b")
    await busy.inbox.accept(asked)
    await clock.sleep(1)
    [told] = texts(busy, asked)
    assert "uses" in told and "of your 1 USD today" in told


async def test_a_text_in_parts_says_what_all_of_them_use(
    busy: Loopback, new_message: NewMessage, clock: Clock
) -> None:
    busy.budgets.rules = BudgetRules(of_people=parse_budget("50 USD/day"))
    busy.answerer.name, busy.answerer.model = "mimo", "mimo-v2.5-pro"
    text = " ".join(f"This is sentence {number} of a text." for number in range(900))
    used = []
    for about in ("A word.", text):
        await busy.inbox.accept(ask(new_message, "a", about[-10:]))
        await clock.sleep(0.5)
        order = f"German: {about}"
        asked = ask(new_message, "b", order, command="translate", attachment=None)
        await busy.inbox.accept(asked)
        await clock.sleep(1)
        [told] = texts(busy, asked)
        used.append(float(re.findall(r"uses ([\d.]+) USD", told)[0]))
        await busy.settle()
    one, all_of_them = used
    assert all_of_them > 2 * one


async def test_once_the_answer_begins_only_that_is_shown(
    store: Store, new_message: NewMessage, clock: Clock
) -> None:
    loopback = Loopback(store, ScriptedTranscriber())
    limit(loopback, None, 1)

    async def answer(question: object, *, on_text: object = None) -> Answer:
        await clock.sleep(40)
        if callable(on_text):
            on_text("It begins like this, and goes on for long")
        await clock.sleep(40)
        return Answer("It ends.")

    loopback.answerer.answer = answer  # type: ignore[method-assign]
    async with loopback.running():
        first = ask(new_message, "a")
        await loopback.inbox.accept(first)
        assert await loopback.settle() == {JobState.DONE: 1}
        assert texts(loopback, first) == [SLOW], "nobody goes before it"
        messages = [ask(new_message, person) for person in "bc"]
        for message in messages:
            await loopback.inbox.accept(message)
            await clock.sleep(0.5)
        assert await loopback.settle() == {JobState.DONE: 3}
    shown = [text for to, text, _ in loopback.platform.shown if to == messages[1].message_id]
    assert shown[0] == f"about 3 min left · {HELD}"
    assert shown[-1].startswith("It begins") and HELD in "".join(shown)
    assert not any(text == SLOW for text in shown)


async def test_what_is_soon_answered_shows_nothing(
    store: Store, new_message: NewMessage, clock: Clock
) -> None:
    loopback = Loopback(store, ScriptedTranscriber())
    limit(loopback, 60, 1)
    async with loopback.running():
        for person in "abcdefgh":
            await loopback.inbox.accept(ask(new_message, person))
        await loopback.settle()
    assert not [text for _, text, is_lasting in loopback.platform.shown if is_lasting]
