"""What takes several calls is begun if there is room for all of them: half of it is no use."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from core.clock import Clock
from core.errors import OverBudget
from core.interfaces import AnswererLimits
from core.models import Amount, Answer, BudgetPeriod, Chat, Utterance, parse_budget
from core.requester import BudgetRules, Requester, work_for
from core.store import Store
from core.synthesis.pipeline import VoiceStyle
from tests.limits.test_paying import ADA, BEN
from tests.support.group_talk import Group
from tests.support.loopback import Loopback, ScriptedTranscriber
from tests.support.thread_media import ThreadMedia

DAY = BudgetPeriod.DAY


def sentences(count: int, about: str = "a long text") -> str:
    return " ".join(f"This is sentence {n} of {about} that is read aloud." for n in range(count))


async def used(loopback: Loopback, requester: Requester = ADA) -> Amount:
    """Return what a person has used today; nothing is held."""
    standing = (await loopback.budgets.standings(requester))[0]
    assert not any(map(any, standing.held.values()))
    return standing.used[DAY]


async def speak(loopback: Loopback, text: str, requester: Requester = ADA) -> bool:
    """Return whether a text was read aloud."""
    with work_for(requester):
        try:
            return bool(await loopback.synthesis.synthesize(text, VoiceStyle()))
        except OverBudget:
            return False


async def test_a_long_text_that_has_no_room_is_not_begun(loopback: Loopback) -> None:
    loopback.budgets.rules = BudgetRules(of_people=parse_budget("3 min/day"))
    with work_for(ADA), pytest.raises(OverBudget) as refused:
        await loopback.synthesis.synthesize(sentences(80), VoiceStyle())
    assert loopback.synthesizer.utterances == [] and await used(loopback) == Amount()
    # The whole, and not one piece of it.
    assert float(str(refused.value.values["needed"]).split()[0]) > 5


async def test_each_piece_takes_its_part_of_what_is_held(loopback: Loopback, clock: Clock) -> None:
    loopback.budgets.rules = BudgetRules(of_people=parse_budget("9 min/day"))
    task = asyncio.create_task(speak(loopback, sentences(80)))
    most = Amount()
    while not task.done():
        [standing, _] = await loopback.budgets.standings(ADA)
        most = max(most, standing.held[DAY])
        await asyncio.sleep(0)
    assert await task
    spoken = loopback.synthesizer.utterances
    chars = sum(len(one.text) for one in spoken)
    assert most.audio_ms < 9 * 60_000 and most.requests == len(spoken) > 5
    found = await used(loopback)
    assert found.audio_ms == pytest.approx(chars * loopback.synthesizer.char_s * 1000, abs=99)
    assert found.requests == len(spoken)


async def test_what_is_stored_needs_no_room(loopback: Loopback) -> None:
    text = sentences(40)
    assert await speak(loopback, text)
    count = len(loopback.synthesizer.utterances)
    loopback.budgets.rules = BudgetRules(of_people=parse_budget("0.000001 min/day, 1 requests/day"))
    assert await speak(loopback, text) and len(loopback.synthesizer.utterances) == count
    loopback.budgets.rules = BudgetRules(of_people=parse_budget(f"{count + 1} requests/day"))
    assert await speak(loopback, f"{text} {sentences(2, 'the rest')}")
    assert len(loopback.synthesizer.utterances) == count + 1


async def test_two_long_texts_at_once_do_not_share_the_room_for_one(loopback: Loopback) -> None:
    loopback.budgets.rules = BudgetRules(of_people=parse_budget("9 min/day"))
    texts = (sentences(80, about) for about in ("one", "other"))
    assert sorted(await asyncio.gather(*(speak(loopback, text) for text in texts))) == [False, True]
    await used(loopback)


async def test_a_piece_that_others_wait_for_too_is_paid_by_who_began_it(
    loopback: Loopback, clock: Clock
) -> None:
    loopback.budgets.rules = BudgetRules(of_people=parse_budget("9 min/day"))
    synthesizer: Any = loopback.synthesizer
    whole = synthesizer.synthesize

    async def synthesize(utterance: Utterance) -> AsyncGenerator[bytes, None]:
        await asyncio.sleep(10)
        async for part in whole(utterance):
            yield part

    synthesizer.synthesize = synthesize
    first = asyncio.create_task(speak(loopback, sentences(40)))
    await clock.sleep(1)
    second = asyncio.create_task(speak(loopback, sentences(40), BEN))
    await clock.sleep(1)
    first.cancel()
    assert await second
    spoken = len(synthesizer.utterances)
    assert (await used(loopback)).requests == spoken and await used(loopback, BEN) == Amount()


@pytest.fixture
async def group(store: Store) -> AsyncGenerator[Group, None]:
    """A chat with a program whose answerer takes a few thousand tokens."""
    loopback = Loopback(store, ScriptedTranscriber(), ThreadMedia())
    loopback.answerer.name, loopback.answerer.limits = "openai", AnswererLimits(context_tokens=4000)
    async with loopback.running():
        yield Group(loopback)


async def test_a_voice_reply_that_has_no_room_says_why(group: Group) -> None:
    await group.ask("replies always")
    group.loopback.answerer.scripts["."] = sentences(8)
    group.loopback.budgets.rules = BudgetRules(of_people=parse_budget("0.2 min/day"))
    reply = await group.ask("ask Why?", language="en")
    start, _, note = reply.text.partition("The voice reply could not be created. ")
    assert start.startswith("This is sentence 0") and not reply.files
    assert re.fullmatch(r"This takes up to [\d.]+ min, more than the 0.2 min .* per day\.", note)


@pytest.mark.parametrize(("requests", "is_done"), [(5, False), (6, True)])
async def test_a_long_translation(group: Group, requests: int, is_done: bool) -> None:
    text = sentences(300, "a text")
    group.loopback.answerer.limits = AnswererLimits(context_tokens=40_000)
    rule = parse_budget(f"{requests} requests/day")
    group.loopback.budgets.rules = BudgetRules(of_people=rule)
    reply = await group.ask(f"translate German: {text}", language="en")
    assert len(group.loopback.answerer.questions) == (6 if is_done else 0)
    assert is_done or "takes up to 6 requests" in reply.text


@pytest.mark.parametrize("requests", [9, 20])
async def test_the_summary_of_a_long_talk_with_what_joins_its_parts(
    group: Group, requests: int
) -> None:
    await group.ask("remember on")
    for number in range(6):
        await group.say(sentences(60, f"talk {number}"))
    group.loopback.answerer.scripts["."] = "- A point. [#1]"
    asked = group.loopback.answerer.questions
    group.loopback.budgets.rules = BudgetRules(of_people=parse_budget(f"{requests} requests/day"))
    reply = await group.ask("summary", language="en")
    if requests == 9:
        assert asked == [] and "takes up to" in reply.text
    else:
        assert 5 < len(asked) < 20 and "A point" in reply.text
    chat = Chat("test", "1", "-100")
    requester = Requester("g", chat, chat, "7")
    assert (await used(group.loopback, requester)).requests == len(asked)


async def test_an_answer_that_has_no_room_to_be_continued_is_given_as_it_is(group: Group) -> None:
    group.loopback.answerer.scripts = {
        "Why": Answer("The beginning,", is_cut=True),
        ".": "the end.",
    }
    group.loopback.budgets.rules = BudgetRules(of_people=parse_budget("1 requests/day"))
    reply = await group.ask("ask Why?", language="en")
    assert reply.text.startswith("The beginning,") and "the end" not in reply.text
    assert len(group.loopback.answerer.questions) == 1


async def test_what_continues_an_answer_takes_nothing_of_what_is_held_for_others(
    group: Group,
) -> None:
    """Six parts are translated, of which the first one is cut off, and there is room for six."""
    first = Answer("Erstens", is_cut=True)
    group.loopback.answerer.scripts = {"sentence 0 of": first, ".": "Und so weiter."}
    group.loopback.answerer.limits = AnswererLimits(context_tokens=40_000)
    group.loopback.budgets.rules = BudgetRules(of_people=parse_budget("6 requests/day"))
    reply = await group.ask(f"translate German: {sentences(300, 'a text')}", language="en")
    assert reply.text.startswith("Erstens") and reply.text.count("Und so weiter.") == 5
