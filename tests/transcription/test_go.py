"""What would use more than a fifth of what is left is begun once the person presses Go."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from core.clock import Clock
from core.errors import EngineBusy
from core.interfaces import AnswererLimits, TranscriberLimits
from core.limits import AccountGate
from core.models import BudgetPeriod, Chat, JobState, Message, Reply, parse_budget
from core.requester import BudgetRules, requester_of
from core.store import Store
from tests.support import audio_samples
from tests.support.group_talk import ADA, BEN, Group, quote
from tests.support.loopback import Loopback, ScriptedTranscriber
from tests.support.thread_media import ThreadMedia

QUESTION = "This takes up to 2 min, and {left} of {limit} per day are left. Press Go to start."
MINE = QUESTION.format(left="9 min", limit="your 9 min")
SOUND = audio_samples.file("wav", audio_samples.speech(120.0))


class Payers:
    """A private chat and a group whose people have a budget of minutes a day."""

    def __init__(self, store: Store, minutes: str = "9 min/day") -> None:
        loopback = Loopback(store, ScriptedTranscriber(), ThreadMedia(), None)
        self.loopback, self.engine, self.shown = loopback, loopback.engine, loopback.platform.shown
        loopback.platform.recording = SOUND
        # It hears no recordings, so that questions need the transcript.
        loopback.answerer.limits = AnswererLimits(formats=(), max_bytes=0)
        self.private = Group(loopback, Chat("test", "1", ADA), is_private=True)
        self.group = Group(loopback)
        self.limit(of_people=parse_budget(minutes))

    def limit(self, **rules: Any) -> None:
        self.loopback.budgets.rules = BudgetRules(**rules)

    def change_recording(self, seconds: float = 120.0) -> None:
        """Let the next recordings be another one."""
        before = self.loopback.platform.recording
        sound = audio_samples.speech(seconds)[2 * len(before) % 1000 + 2 :]
        self.loopback.platform.recording = audio_samples.file("wav", sound)

    async def hear(self, **changes: Any) -> Reply:
        """Send the recording in private, and return the reply."""
        return self.private.answers(await self.private.speak(**changes))[-1]

    async def go(self, question: Reply) -> Reply:
        return await self.private.press(question, "Go")

    async def used_min(self, message: Message | None = None) -> float:
        """Return what the sender of a message has used, else Ada; nothing is held."""
        requester = requester_of(message or self.private.write())
        standing = (await self.loopback.budgets.standings(requester))[0]
        assert not any(map(any, standing.held.values()))
        return round(standing.used[BudgetPeriod.DAY].audio_ms / 60_000, 1)

    def texts(self, message: Message) -> list[str]:
        return [text for to, text, _ in self.shown if to == message.message_id]


@pytest.fixture
async def payers(store: Store) -> AsyncIterator[Payers]:
    payers = Payers(store)
    async with payers.loopback.running():
        yield payers


async def test_it_asks_first_and_no_call_is_made_before_go(payers: Payers, clock: Clock) -> None:
    message = await payers.private.speak()
    [question] = payers.private.answers(message)
    assert question.text == MINE and [one.label for one in question.buttons] == ["Go"]
    assert payers.engine.calls == [] and await payers.used_min() == 0.0
    job = await payers.loopback.inbox.job_of(message.chat, message.message_id)
    assert job and job.state is JobState.REFUSED and "ConfirmationNeeded" in job.error
    reply = await payers.go(question)
    assert reply.quote.startswith("call ") and await payers.used_min() == 2.0
    assert [one.message_id for one in reply.about] == [message.message_id]
    # A second press soon after does nothing, and later it costs nothing.
    again = payers.private.write(button=question.buttons[0].token)
    assert await payers.loopback.inbox.accept(again) is None
    await clock.sleep(3600.0)
    calls = len(payers.engine.calls)
    assert (await payers.go(question)).quote == reply.quote and len(payers.engine.calls) == calls


async def test_what_takes_a_fifth_or_is_short_is_begun_at_once(payers: Payers) -> None:
    payers.limit(of_people=parse_budget("10 min/day"))
    assert (await payers.hear()).quote.startswith("call ")
    payers.change_recording()
    question = await payers.hear()
    assert question.text == QUESTION.format(left="8 min", limit="your 10 min")
    payers.change_recording(50.0)
    payers.limit(of_people=parse_budget("3 min/day"))
    assert (await payers.hear()).quote.startswith("call ")


async def test_what_has_no_room_is_refused_and_what_is_stored_is_shown(payers: Payers) -> None:
    question = await payers.hear()
    payers.limit(of_people=parse_budget("1 min/day"))
    refusal = await payers.hear()
    assert "more than the 1 min that are allowed" in refusal.text and not refusal.buttons
    assert (await payers.go(question)).text == refusal.text, "the limit holds after Go"
    assert await payers.used_min() == 0.0 and payers.engine.calls == []
    payers.limit()
    reply = await payers.hear()
    payers.limit(of_people=parse_budget("3 min/day"))
    assert (await payers.hear()).quote == reply.quote, "it costs nothing"


async def test_go_outlasts_a_restart_and_failures(store: Store) -> None:
    before = Payers(store)
    async with before.loopback.running():
        question = await before.hear()
    payers = Payers(store)
    payers.engine.failures = [EngineBusy("503"), EngineBusy("503")]
    async with payers.loopback.running():
        reply = await payers.go(question)
    assert reply.quote.startswith("call ") and before.engine.calls == []
    assert await payers.used_min() == 2.0


async def test_a_question_expires_after_a_day(payers: Payers, clock: Clock) -> None:
    question = await payers.hear()
    await clock.sleep(timedelta(days=1, minutes=1).total_seconds())
    assert (await payers.go(question)).text == "This has expired. Please start again."
    assert payers.engine.calls == []


@pytest.mark.parametrize(
    ("command", "text", "result"),
    [("translate", "German", "answer"), ("transcribe", "", "call"), ("ask", "Why?", "answer")],
)
async def test_go_runs_the_same_command(
    payers: Payers, command: str, text: str, result: str
) -> None:
    question = await payers.hear(command=command, text=text)
    assert question.text == MINE and payers.engine.calls == []
    reply = await payers.go(question)
    assert (reply.quote or reply.text).startswith(result) and reply.about


async def test_a_spoken_question_is_asked_about_too(payers: Payers) -> None:
    await payers.private.ask("mode ask")
    question = await payers.hear()
    assert [button.command for button in question.buttons] == ["ask"]
    reply = await payers.go(question)
    assert reply.quote.startswith("call ") and reply.text.startswith("answer ")


async def test_silence_that_somebody_insists_on_is_asked_about(payers: Payers) -> None:
    silence = audio_samples.file("wav", audio_samples.silence(120.0))
    payers.loopback.platform.recording = silence
    question = await payers.private.press(await payers.hear(), "Transcribe anyway")
    assert question.text == MINE and payers.engine.calls == []
    assert (await payers.go(question)).quote.startswith("call ")


async def test_in_a_group_who_asked_is_asked_and_nobody_else_may_start(payers: Payers) -> None:
    group = payers.group
    note = await group.speak(BEN)
    question = await group.ask("transcribe", ADA, reply_to=quote(note))
    assert question.text == MINE
    refused = await group.press(question, "Go", BEN)
    assert refused.text == "Only the person who asked for it can start this."
    assert payers.engine.calls == []
    reply = await group.press(question, "Go", ADA)
    assert reply.quote.startswith("call ") and reply.about[0].message_id == note.message_id
    # The group's budget counts as well.
    payers.limit(of_groups=parse_budget("8 min/day"))
    payers.change_recording()
    question = await group.ask("transcribe", ADA, reply_to=quote(note))
    assert "and 6 min of the 8 min per day for all here are left" in question.text


async def test_what_nobody_asked_for_begins_without_a_question(payers: Payers) -> None:
    await payers.group.ask("auto on")
    note = payers.group.write(BEN, attachment=(await payers.private.speak()).attachment)
    asked = payers.group.write(ADA, command="transcribe", reply_to=quote(note))
    for message in (asked, note):
        await payers.loopback.inbox.accept(message)
    await payers.loopback.settle()
    assert payers.group.answers(asked)[-1].text == MINE
    assert payers.group.answers(note)[-1].quote.startswith("call ")
    assert (await payers.used_min(note), await payers.used_min(asked)) == (2.0, 0.0)


async def test_nothing_is_held_for_questions(payers: Payers) -> None:
    """Many at once, which would not fit together."""
    messages = [
        payers.group.write(
            ADA, command="transcribe", attachment=(await payers.private.speak()).attachment
        )
        for _ in range(12)
    ]
    for message in messages:
        await payers.loopback.inbox.accept(message)
    await payers.loopback.settle()
    assert [payers.group.answers(one)[-1].text for one in messages] == [MINE] * 12


async def test_the_notice_says_what_it_uses_and_groups_are_quiet(
    store: Store, clock: Clock
) -> None:
    payers = Payers(store, "180 min/day")
    limits = TranscriberLimits(calls_per_minute=1)
    payers.loopback.transcription.gate = AccountGate("slow", limits, clock=clock)
    async with payers.loopback.running():
        mine = await payers.private.speak()
        payers.change_recording()
        asked = await payers.group.speak(BEN, command="transcribe")
        await payers.group.ask("auto on")
        payers.change_recording()
        unasked = await payers.group.speak(BEN)
        assert payers.group.answers(unasked)
    told = payers.texts(mine)
    assert told and all("uses 2 min of your 180 min today" in text for text in told)
    told = payers.texts(asked)
    assert told and all(" left" in text for text in told)
    assert not any("uses" in text or "queue" in text for text in told)
    lasting = [to for to, _, is_lasting in payers.shown if is_lasting]
    assert asked.message_id in lasting and unasked.message_id not in lasting
    assert unasked.message_id not in payers.loopback.platform.cancellable
