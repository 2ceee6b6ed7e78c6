"""Who pays for a call, how much, and how often: through the pipelines and whole jobs."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from core.audio import Media, Piece
from core.clock import Clock
from core.errors import ConfirmationNeeded, EngineBusy, OverBudget
from core.interfaces import TranscriberLimits
from core.limits.budgets import Budgets
from core.models import (
    Amount,
    Answer,
    Audio,
    BudgetPeriod,
    Chat,
    Message,
    Question,
    Turn,
    end_of,
    parse_budget,
)
from core.operations.alerts import Alerts
from core.operations.budget_notices import BudgetNotices
from core.requester import BudgetRules, Requester, work_for
from core.store import Store
from core.transcription.options import TranscriptionOptions
from core.transcription.pipeline import TranscriptionPipeline
from tests.conftest import NewMessage
from tests.limits.test_budgets import pay
from tests.store.conftest import schedule
from tests.support import audio_samples
from tests.support.loopback import Loopback, ScriptedTranscriber

ADA = Requester("ada", Chat("test", "1", "100"), None, "7", "en")
BEN = Requester("ada", Chat("test", "1", "200"), None, "8", "en")
PIECE_S = 45.0


class ClaimingMedia(Media):
    """Makes pieces of 45 s: "content count claimed_s" says how many, and how long it claims."""

    async def pieces(
        self, recording: Any, limits: TranscriberLimits, *, hint_s: Any = None, on_wait: Any = None
    ) -> AsyncGenerator[Piece, None]:
        _, count, claimed = recording.split()
        await asyncio.sleep(1)  # to decode takes a moment
        for index in range(int(count)):
            audio = Audio(recording, "audio/wav", PIECE_S)
            start_s, claimed_s = index * PIECE_S, float(claimed) or None
            yield Piece(index, start_s, audio, True, False, recording_s=claimed_s)


class Payer:
    """A transcription pipeline whose people have a budget."""

    def __init__(self, store: Store, clock: Clock, people: str) -> None:
        self.engine = ScriptedTranscriber(TranscriberLimits(concurrency=2))
        rules = BudgetRules(of_people=parse_budget(people))
        self.budgets = Budgets(store.budgets, rules, clock)
        shared = store.results, self.budgets, clock
        self.pipeline = TranscriptionPipeline(ClaimingMedia(), self.engine, *shared)

    async def transcribe(self, recording: str, requester: Requester = ADA) -> bool:
        """Return whether it was allowed."""
        try:
            with work_for(requester):
                await self.pipeline.transcribe(recording.encode())
        except OverBudget:
            return False
        return True

    async def minutes(self, requester: Requester = ADA) -> float:
        """Return what a person has used; nothing is held."""
        standing = (await self.budgets.standings(requester))[0]
        assert not any(map(any, standing.held.values()))
        return standing.used[BudgetPeriod.DAY].audio_ms / 60_000


async def test_a_long_recording_is_checked_as_a_whole(store: Store, clock: Clock) -> None:
    payer = Payer(store, clock, "100 min/day")
    assert not await payer.transcribe("film 160 7200")
    assert payer.engine.calls == [], "it is not begun"
    assert await payer.transcribe("talk 40 1800") and len(payer.engine.calls) == 40
    assert await payer.minutes() == 30.0
    assert await payer.transcribe("talk 40 1800") and await payer.minutes() == 30.0, "it is stored"


async def test_one_that_is_longer_than_it_claims_ends_where_the_budget_does(
    store: Store, clock: Clock
) -> None:
    payer = Payer(store, clock, "3 min/day")
    for claimed in ("0", "10"):
        assert not await payer.transcribe(f"liar{claimed} 160 {claimed}")
        # What was transcribed is paid for, and kept.
        assert await payer.minutes() == 3.0 and len(payer.engine.calls) == 4


async def test_a_second_attempt_pays_for_the_rest_alone(store: Store, clock: Clock) -> None:
    payer = Payer(store, clock, "20 min/day")
    payer.engine.failures = [*[None] * 10, EngineBusy("503")]
    with pytest.raises(EngineBusy), work_for(ADA):
        await payer.pipeline.transcribe(b"talk 20 900")
    paid = await payer.minutes()
    assert 0 < paid < 15
    # The rest fits; the whole once more would not.
    assert await payer.transcribe("talk 20 900") and await payer.minutes() == 15.0
    assert sum(payer.engine.calls) == 16 * 60 - 15


async def test_whoever_began_a_shared_call_pays(store: Store, clock: Clock) -> None:
    payer = Payer(store, clock, "20 min/day")
    payer.engine.latency_s = 5.0
    first = asyncio.create_task(payer.transcribe("talk 4 180", ADA))
    await clock.sleep(0.5)
    assert await payer.transcribe("talk 4 180", BEN) and await first
    assert (await payer.minutes(), await payer.minutes(BEN)) == (3.0, 0.0)


async def test_who_cannot_pay_for_a_shared_call_does_not_spoil_it_for_others(
    store: Store, clock: Clock
) -> None:
    payer = Payer(store, clock, "20 min/day")
    ada = payer.budgets.rules.person("test", "7")
    await store.budgets.set_budget(ada, parse_budget("1 min/day"), "test:7", "who")
    first = asyncio.create_task(payer.transcribe("talk 4 180", ADA))
    await clock.sleep(0.5)
    results = await asyncio.gather(*(payer.transcribe("talk 4 180", BEN) for _ in range(3)))
    assert (await first, results) == (False, [True] * 3) and len(payer.engine.calls) == 4
    assert (await payer.minutes(), await payer.minutes(BEN)) == (0.0, 3.0)


async def test_a_question_does_not_spoil_a_shared_call_for_others(
    store: Store, clock: Clock
) -> None:
    payer, asks = Payer(store, clock, "9 min/day"), TranscriptionOptions(asks_first=True)
    with work_for(ADA):
        first = asyncio.create_task(payer.pipeline.transcribe(b"talk 4 180", options=asks))
    await clock.sleep(0.5)
    assert await asyncio.gather(*(payer.transcribe("talk 4 180", BEN) for _ in range(3)))
    with pytest.raises(ConfirmationNeeded):
        await first
    assert (await payer.minutes(), await payer.minutes(BEN)) == (0.0, 3.0)
    assert len(payer.engine.calls) == 4


async def test_each_capability_takes_from_the_budget(loopback: Loopback) -> None:
    """Answers cost what the engine counts; an engine of unknown price costs minutes alone."""
    loopback.answerer.name, loopback.answerer.model = "mimo", "mimo-v2.6-pro"
    loopback.budgets.rules = BudgetRules(of_people=parse_budget("1 min/day, 0.01 USD/day"))
    question = Question((Turn("user", "Why?", (Audio(b"x", "audio/wav", 30.0),)),), max_tokens=1000)
    with work_for(ADA):
        await loopback.answering.answer(question)
        [used, _] = await loopback.budgets.standings(ADA)
        # Ten tokens each way, at 0.435 and 0.87 dollars a million.
        assert (used.used[BudgetPeriod.DAY].audio_ms, used.used[BudgetPeriod.DAY].micro_usd) == (
            30_000,
            14,
        )
        dear = replace(question, turns=(Turn("user", "Why then?"),), max_tokens=20_000)
        with pytest.raises(OverBudget, match="per day"):
            await loopback.answering.answer(dear)
        take = await loopback.synthesis.preview("Ten letters", "calm", "1")
        [used, _] = await loopback.budgets.standings(ADA)
        assert take.duration_s
        assert used.used[BudgetPeriod.DAY].audio_ms == pytest.approx(30_000 + 550, abs=5)
        assert not any(map(any, used.held.values()))
    assert len(loopback.answerer.questions) == 1


async def test_the_longest_answer_is_held_until_its_cost_is_known(
    loopback: Loopback, clock: Clock
) -> None:
    loopback.answerer.name, loopback.answerer.model = "mimo", "mimo-v2.6-pro"
    loopback.answerer.latency_s = 60.0  # all have asked before one knows its cost
    loopback.budgets.rules = BudgetRules(of_bot=parse_budget("0.002 USD/day"))
    asked = [Question((Turn("user", f"Why {n}?"),), max_tokens=1000) for n in range(8)]
    calls = (loopback.answering.answer(one) for one in asked)
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert sum(isinstance(one, Answer) for one in results) == 2
    # All the rest is free again.
    assert await loopback.answering.answer(asked[-1])


def minute(number: int) -> bytes:
    """Return a recording of almost a minute, another one for each number."""
    return audio_samples.wav(audio_samples.speech(60.0)[2 + number * 2 :])


async def ask(loopback: Loopback, message: Message, number: int) -> str:
    """Send a voice note of a minute and return the text of the reply."""
    loopback.platform.recording = minute(number)
    assert await loopback.inbox.accept(message)
    await loopback.settle()
    return loopback.platform.sent[-1][1].text


async def test_a_refusal_is_a_sentence_that_says_when_there_is_room_again(
    loopback: Loopback, new_message: NewMessage, store: Store, clock: Clock
) -> None:
    rule = parse_budget("1.5 min/day")
    loopback.budgets.rules = BudgetRules(of_people=rule, of_groups=rule)
    await store.schedules.add(schedule())
    group = {"is_private": False, "command": "transcribe", "chat": schedule().chat}
    async with loopback.running():
        await ask(loopback, new_message(language="en"), 0)
        text = await ask(loopback, new_message(language="en"), 1)
        left = "and 0.5 min of your 1.5 min per day are left: try again in"
        assert re.fullmatch(rf"This takes up to 1 min, {left} \d+ (h|min)\.", text), text
        chinese = await ask(loopback, new_message(language="zh"), 2)
        assert "1.5 分钟" in chinese and "again" not in chinese
        # Where the chat's time zone is known, its time.
        await ask(loopback, new_message(language="en", sender_id="8", **group), 3)
        text = await ask(loopback, new_message(language="en", sender_id="9", **group), 4)
        free_at = end_of(BudgetPeriod.DAY, clock.now()).astimezone(ZoneInfo("Europe/Berlin"))
        assert (
            "of the 1.5 min per day for all here" in text
            and f"again at {free_at:%H:%M} (in" in text
        )
    assert 100 < sum(loopback.engine.calls) < 121, "two of five recordings"


async def test_the_person_is_warned_in_private_once(loopback: Loopback, clock: Clock) -> None:
    platforms = {"test": loopback.platform}
    operator, group = Chat("test", "1", "99"), Chat("test", "1", "-100")
    alerts = Alerts(loopback.store.intake, platforms, ("test:99",), clock)
    BudgetNotices(alerts, loopback.budgets.watch)
    limits = parse_budget("10 min/day")
    loopback.budgets.rules = BudgetRules(of_groups=limits, of_bot=parse_budget("20 min/month"))

    async def use(minutes: int, person: str) -> None:
        with work_for(Requester("g", group, group, person, "en")):
            async with loopback.budgets.reserve() as reservation:
                await reservation.hold(Amount(minutes * 60_000))
                await pay(loopback.store, reservation, Amount(minutes * 60_000))

    async def told(chat: Chat) -> list[str]:
        await clock.sleep(1)  # notices are sent beside all else
        await loopback.settle()
        return [job.message.text for job in await loopback.inbox.recent(chat, 9)]

    async with loopback.running():
        await use(8, "7")
        await use(1, "8")
        [text] = await told(Chat("test", "1", "7"))
        assert text.startswith(
            "Of the 10 min per day that you share with others 2 min are left. More in "
        )
        assert not await told(Chat("test", "1", "8")) and not await told(group)
        assert not await told(operator)
        loopback.budgets.rules = BudgetRules(of_bot=parse_budget("20 min/month"))
        await use(7, "8")
        with pytest.raises(OverBudget, match=r"of this bot's .* per month"):
            await use(5, "9")
        [nearly] = await told(operator)
        assert "nearly used its budget: 16 min of 20 min/month" in nearly, "others have room"
        await use(4, "8")
        for _ in range(2):
            with pytest.raises(OverBudget):
                await use(1, "9")
        _, used_up = await told(operator)
        assert "has used its budget up: 20 min of 20 min/month" in used_up


async def test_usage_shows_what_is_used_and_left(
    loopback: Loopback, new_message: NewMessage
) -> None:
    people = parse_budget("3 min/day, 0.5 USD/month")
    loopback.budgets.rules = BudgetRules(of_people=people, of_bot=parse_budget("9 min/day"))
    group = {"is_private": False, "chat": Chat("test", "1", "-100"), "language": "en"}
    usage = {"command": "usage", "attachment": None, **group}
    async with loopback.running():
        await ask(loopback, new_message(command="transcribe", **group), 0)
        mine, month, chat, end = (await ask(loopback, new_message(**usage), 0)).splitlines()
        assert mine == "You, today: 1 min / 3 min"
        assert month == "You, this month: 0 USD / 0.50 USD" and chat == "All here, today: 1 min"
        assert end.startswith("A new day begins in ")
        other = (await ask(loopback, new_message(**usage | {"sender_id": "8"}), 0)).splitlines()
        assert other[0] == "You, today: 0 min / 3 min" and other[2] == chat
