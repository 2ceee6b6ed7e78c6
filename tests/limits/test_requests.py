"""Requests to services are counted: what costs no audio and no known price is bounded, too."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from core.clock import Clock
from core.config import Settings
from core.errors import EngineBusy, OverBudget
from core.models import (
    Amount,
    Answer,
    Audio,
    BudgetPeriod,
    Chat,
    Question,
    Turn,
    Usage,
    parse_budget,
)
from core.requester import BudgetRules, Requester, requester_of_key, work_for
from core.store import Store
from tests.limits.test_paying import ADA, BEN, Payer
from tests.support.loopback import Loopback

DEFAULTS = BudgetRules.read(Settings())
#: Of a gateway: its prices are unknown.
UNKNOWN = "openai"


def tiny(number: int) -> Question:
    return Question((Turn("user", f"Why {number}?"),), max_tokens=1000)


async def ask(loopback: Loopback, numbers: range, requester: Requester = ADA) -> int:
    """Return how many tiny questions of a person are answered."""
    count = 0
    with work_for(requester):
        for number in numbers:
            try:
                await loopback.answering.answer(tiny(number))
                count += 1
            except OverBudget as error:
                assert error.values["limit"] == "250 requests"
    return count


async def used(loopback: Loopback, requester: Requester = ADA) -> Amount:
    """Return what a person has used today; nothing is held."""
    standing = (await loopback.budgets.standings(requester))[0]
    assert not any(map(any, standing.held.values()))
    return standing.used[BudgetPeriod.DAY]


async def test_three_hundred_tiny_questions_of_unknown_price(loopback: Loopback) -> None:
    """At the defaults, and for others nothing changes."""
    loopback.answerer.name, loopback.budgets.rules = UNKNOWN, DEFAULTS
    assert await ask(loopback, range(300)) == 250 == len(loopback.answerer.questions)
    assert await used(loopback) == Amount(0, 0, 250)
    other = replace(BEN, scope="ben")
    assert await ask(loopback, range(3), other) == 3 and (await used(loopback, other)).requests == 3


async def test_a_key_has_limits_by_default(loopback: Loopback) -> None:
    loopback.answerer.name, loopback.budgets.rules = UNKNOWN, DEFAULTS
    assert {str(limit) for limit in DEFAULTS.of_keys} == {
        "360 min/day",
        "1 USD/day",
        "1000 requests/day",
    }
    with work_for(requester_of_key("alice")), pytest.raises(OverBudget, match="per day"):
        async with loopback.budgets.reserve() as reservation:
            await reservation.hold(Amount(micro_usd=1_000_001))


async def test_what_is_stored_and_what_this_machine_does_is_no_request(loopback: Loopback) -> None:
    loopback.answerer.name, loopback.budgets.rules = UNKNOWN, DEFAULTS
    assert await ask(loopback, range(1)) == await ask(loopback, range(1)) == 1
    assert (await used(loopback)).requests == 1
    loopback.answerer.name = "offline"
    assert await ask(loopback, range(1, 301)) == 300
    assert await used(loopback) == Amount(0, 0, 1)


async def test_a_call_that_a_busy_service_did_not_take_is_no_request(loopback: Loopback) -> None:
    loopback.answerer.name, loopback.budgets.rules = UNKNOWN, DEFAULTS
    loopback.answerer.failures = [EngineBusy("503")]
    with pytest.raises(EngineBusy), work_for(ADA):
        await loopback.answering.answer(tiny(0))
    assert (await used(loopback)).requests == 0


async def test_a_recording_is_one_request_however_many_pieces_it_has(
    store: Store, clock: Clock
) -> None:
    payer = Payer(store, clock, "2 requests/day")
    # The last is longer than it claims: more is held while it goes on.
    for recording in ("talk 40 1800", "liar 20 90"):
        assert await payer.transcribe(recording)
        assert await payer.transcribe(recording), "it is stored"
    assert len(payer.engine.calls) == 60 and await payer.minutes() == 45.0
    assert not await payer.transcribe("one 1 45") and len(payer.engine.calls) == 60
    assert (await payer.budgets.standings(ADA))[0].used[BudgetPeriod.MONTH].requests == 2


async def test_a_recording_that_the_service_fetches_is_as_long_as_its_tokens(
    loopback: Loopback,
) -> None:
    """Ten minutes a day end with the first one that lasts ten hours."""
    answerer: Any = loopback.answerer
    answerer.name, answerer.model = "mimo", "mimo-v2.6-flash"

    async def answer(question: Question, *, on_text: object = None) -> Answer:
        answerer.questions.append(question)
        usage = Usage("mimo", "mimo-v2.6-flash", 0.0, 225_000, 10, 225_000)
        return Answer("Much was said.", usage=usage)

    answerer.answer = answer
    loopback.budgets.rules = BudgetRules(of_keys=parse_budget("10 min/day"))
    key = requester_of_key("alice")
    with work_for(key):
        for number in range(3):
            audio = Audio(b"", "", 0.0, f"https://example.org/{number}.mp3")
            with suppress(OverBudget):
                await loopback.answering.answer(Question((Turn("user", "What?", (audio,)),)))
    assert len(answerer.questions) == 1
    assert (await used(loopback, key)).audio_ms == 10 * 3600 * 1000


async def test_the_refusal_counts_in_the_language_of_the_person(store: Store, clock: Clock) -> None:
    payer = Payer(store, clock, "1 requests/day")
    assert await payer.transcribe("one 1 45")
    for language, sentence in (
        ("en", "takes up to 1 request, and 0 requests of your 1 request per day are left"),
        ("zh", "1 次请求"),
    ):
        asker = Requester("ada", Chat("test", "1", "100"), None, "7", language)
        with pytest.raises(OverBudget) as refused, work_for(asker):
            await payer.pipeline.transcribe(f"{language} 1 45".encode())
        assert sentence in refused.value.user_text.format(**refused.value.values) or (
            sentence == refused.value.values["limit"]
        )


def test_no_limit_is_so_small_that_it_means_none() -> None:
    for text in ("0.4 requests/day", "0.000001 USD/day", "0.000001 min/month"):
        [limit] = parse_budget(text)
        assert limit.most == 1
