"""Speech and summaries that wait for their turn at the service say so at once, and how long."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from core.clock import Clock
from core.errors import EngineRefused
from core.interfaces import TranscriberLimits
from core.limits import AccountGate
from core.models import Attachment, Chat, ChatSettings, Message, TalkSettings, parse_budget
from core.requester import BudgetRules
from core.store import Store
from tests.support import audio_samples
from tests.support.group_talk import ADA, BEN, EVE, Group
from tests.support.loopback import Loopback, ScriptedTranscriber
from tests.transcription.test_clock import seconds_left, texts

HELD = "waiting for the AI service"
READING = "Reading the conversation …\n\n"
TEXT = " ".join(f"This is sentence {n}, and it is followed by others." for n in range(40))


@pytest.fixture
async def busy(store: Store) -> AsyncIterator[Loopback]:
    """Engines that take one call a minute."""
    engine = ScriptedTranscriber(TranscriberLimits(calls_per_minute=1))
    loopback = Loopback(store, engine)
    speech = loopback.synthesizer
    speech.limits = replace(speech.limits, calls_per_minute=1)
    clock = loopback.budgets.clock
    loopback.synthesis._calls.gate = AccountGate("scripted", speech.limits, "speech", clock)
    async with loopback.running():
        yield loopback


def private(loopback: Loopback, person: str) -> Group:
    return Group(loopback, Chat("test", "1", person), is_private=True)


async def say(group: Group, person: str, text: str) -> Message:
    message = group.write(person, command="say", text=text, language="en")
    await group.loopback.inbox.accept(message)
    return message


async def test_a_short_text_that_has_to_wait_is_told_how_long(busy: Loopback, clock: Clock) -> None:
    messages = []
    for person in (ADA, BEN, EVE):
        messages.append(await say(private(busy, person), person, f"Good morning, {person}."))
        await clock.sleep(0.5)
    assert [texts(busy, message)[:1] for message in messages] == [
        [],
        [f"0% · about 60 s left · {HELD}"],
        [f"0% · place 2 in the queue · about 2 min left · {HELD}"],
    ]
    await busy.settle()
    assert seconds_left(texts(busy, messages[2]))[-1] == 10


async def test_a_long_text_says_what_it_uses_and_when_its_last_passage_is_expected(
    busy: Loopback, clock: Clock
) -> None:
    """Each of its passages takes a call."""
    busy.budgets.rules = BudgetRules(of_people=parse_budget("30 min/day"))
    message = await say(private(busy, ADA), ADA, TEXT)
    await clock.sleep(6)
    told = texts(busy, message)[-1]
    assert "uses 2.6 min of your 30 min today" in told and told.endswith(HELD)
    await busy.settle()
    took_s = 60 * (len(busy.synthesizer.utterances) - 1)
    assert seconds_left([told])[0] == pytest.approx(took_s, rel=0.25)


async def test_a_summary_of_short_recordings_that_wait_says_how_long(
    busy: Loopback, clock: Clock
) -> None:
    """They failed when they came. Its own calls are not among those that go before them."""
    group = Group(busy)
    remembers = ChatSettings(talk=TalkSettings(remember_days=1))
    await busy.store.chats.save_settings(group.chat, remembers)
    busy.engine.failures = [EngineRefused("not now")] * 9
    for number in range(3):
        sound = audio_samples.file("wav", audio_samples.speech(3.0 + number / 100))
        busy.platform.recording = sound
        await group.say("", attachment=Attachment(f"file-{number}", duration_s=3.0))
    busy.engine.failures = []

    async def fetch(message: Message) -> bytes:
        attachment = message.reply_to and message.reply_to.attachment
        number = int(attachment.file_id[-1]) if attachment else 0
        return audio_samples.file("wav", audio_samples.speech(3.0 + number / 100))

    busy.platform.fetch = fetch  # type: ignore[method-assign]
    busy.budgets.rules = BudgetRules(of_people=parse_budget("1 min/day"))
    await clock.sleep(120)
    asked = group.write(ADA, command="summary", language="en", is_private=True)
    await busy.inbox.accept(asked)
    began_s = clock.monotonic()
    await clock.sleep(6)
    told = texts(busy, asked)[-1].removeprefix(READING)
    assert told.startswith("0% · 0:00 of 0:09 · ") or told.startswith("33% · 0:03 of 0:09 · ")
    assert "place" not in told and "of your 1 min today" in told
    await busy.settle()
    assert seconds_left([told])[0] == pytest.approx(clock.monotonic() - began_s, rel=0.3)
