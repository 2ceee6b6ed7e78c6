"""One clock for what takes long, as people see it on Telegram."""

from __future__ import annotations

from core.clock import Clock
from core.interfaces import TranscriberLimits
from core.limits import AccountGate
from core.models import parse_budget
from core.requester import BudgetRules
from tests.emulators.telegram import ANONYMOUS_ADMIN
from tests.emulators.telegram import TelegramServer as Server
from tests.support import audio_samples
from tests.support.loopback import Loopback


def slow_down(whole: Loopback, clock: Clock) -> None:
    """Let one call a minute through."""
    limits = TranscriberLimits(calls_per_minute=1)
    whole.transcription.gate = AccountGate("slow", limits, clock=clock)


def sound(seconds: float) -> bytes:
    return audio_samples.file("ogg-opus", audio_samples.speech(seconds))


async def test_who_waits_is_told_at_once_and_may_cancel(
    telegram: Server, whole: Loopback, clock: Clock
) -> None:
    slow_down(whole, clock)
    people = [telegram.add_user(f"Person {number}") for number in range(3)]
    for number, person in enumerate(people):
        telegram.send_voice(person, person, sound(3.0 + number), duration=3 + number)
        await clock.sleep(0.5)
    await clock.sleep(3)
    [told] = telegram.replies(people[2])
    assert told.text == (
        "0% · 0:00 of 0:05 · place 2 in the queue · about 2 min left · waiting for the AI service"
    )
    assert told.labels == ["Cancel"]
    telegram.press_button(people[2], people[2], told.message_id, "Cancel")
    await clock.sleep(60)
    assert [one.text for one in telegram.replies(people[2])] == ["Cancelled."]
    [answer] = telegram.replies(people[1])
    assert "call 2" in answer.text


async def test_a_group_is_told_without_the_queue(
    telegram: Server, whole: Loopback, clock: Clock, ann: int
) -> None:
    slow_down(whole, clock)
    group = telegram.add_chat("supergroup", members={ann: "creator"})
    other = telegram.add_user("Other")
    for seconds in (3.0, 4.0):
        telegram.send_voice(other, other, sound(seconds), duration=int(seconds))
        await clock.sleep(0.5)
    note = telegram.send_voice(group, ann, sound(6.0), duration=6)
    telegram.send_command(group, ann, "/transcribe", reply_to=note)
    await clock.sleep(5)
    [told] = telegram.replies(group)
    assert "queue" not in told.text and " left · waiting" in told.text
    edits = len(telegram.requests_to("editMessageText"))
    await clock.sleep(30)
    assert len(telegram.requests_to("editMessageText")) - edits <= 30 / 2.5


async def test_much_of_a_budget_is_asked_about_first(
    telegram: Server, whole: Loopback, clock: Clock, ann: int
) -> None:
    whole.budgets.rules = BudgetRules(of_people=parse_budget("4 min/day"))
    group = telegram.add_chat("supergroup", members={ann: "creator"})
    note = telegram.send_voice(group, ann, sound(61.0), duration=61)
    telegram.send_voice(ann, ann, sound(62.0), duration=62)
    telegram.send_command(group, ann, "/transcribe", reply_to=note)
    await clock.sleep(5)
    for chat, needed in ((ann, "1.1"), (group, "1.1")):
        [question] = telegram.replies(chat)
        assert question.text.startswith(f"This takes up to {needed} min, and 4 min of your 4 min")
        assert question.labels == ["Go"] and not whole.engine.calls
    for chat in (group, ann):
        [question] = telegram.replies(chat)
        telegram.press_button(chat, ann, question.message_id, "Go")
        await clock.sleep(5)
        assert "call " in telegram.replies(chat)[-1].text


async def test_what_an_anonymous_admin_asked_for_is_started_by_any_admin_under_their_own_name(
    telegram: Server, whole: Loopback, clock: Clock, ann: int
) -> None:
    whole.budgets.rules = BudgetRules(of_people=parse_budget("4 min/day"))
    member = telegram.add_user("Ben")
    group = telegram.add_chat("supergroup", members={ann: "creator", member: "member"})
    note = telegram.send_voice(group, member, sound(61.0), duration=61)
    telegram.send_command(group, ANONYMOUS_ADMIN, "/transcribe", reply_to=note)
    await clock.sleep(5)
    [question] = telegram.replies(group)
    assert question.labels == ["Go"]
    for person, text in ((member, "Only the person who asked for it, or an admin"), (ann, "call ")):
        telegram.press_button(group, person, question.message_id, "Go")
        await clock.sleep(5)
        assert text in telegram.replies(group)[-1].text
