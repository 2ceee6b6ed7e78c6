"""/digest through the whole program: schedules, and the digests themselves."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from core.models import Button, DigestSchedule, JobState, Link, Reply
from core.store import Store, make_cipher
from tests.support.clean_start import settle
from tests.support.group_talk import BEN, GROUP, Group, group_on
from tests.support.loopback import run_loopback
from tests.support.virtual_time import current_clock

TOLD = "## Boats\n- Ada buys a boat [#1]\n"


@pytest.fixture
async def group(group: Group) -> Group:
    group.loopback.answerer.scripts = {".": TOLD}
    return group


async def plans(group: Group) -> list[DigestSchedule]:
    return await group.loopback.store.schedules.find(group.chat)


async def fire(group: Group, moment: datetime) -> list[Reply]:
    """Let the digests due at `moment` be sent, and return them."""
    before = len(group.loopback.platform.sent)
    await group.loopback.store.schedules.fire_due(moment)
    group.loopback.worker.wake()
    await group.loopback.settle()
    return [reply for _, reply in group.loopback.platform.sent[before:] if reply != Reply()]


async def test_digest_is_scheduled_listed_and_removed(group: Group) -> None:
    await group.ask("remember on")
    reply = (await group.ask("digest 9:00 berlin weekdays", language="de", thread_id="5")).text
    assert reply.startswith("A digest is sent on weekdays at 09:00 (Europe/Berlin). Next: 20")
    [plan] = await plans(group)
    assert (plan.at, plan.zone, plan.is_weekdays) == ("09:00", "Europe/Berlin", True)
    assert (plan.thread_id, plan.is_topic, plan.language) == ("5", False, "de")
    assert current_clock().now() < plan.next_at < current_clock().now() + timedelta(days=4)
    shown = (await group.ask("digest")).text
    assert reply in shown and "/digest off" in shown
    # A new time takes the place of the old one and keeps its zone.
    assert "10:30 (Europe/Berlin)" in (await group.ask("digest 10:30")).text
    assert [plan.at for plan in await plans(group)] == ["10:30"]
    assert (await group.ask("digest off")).text == "Digests are turned off here."
    assert await plans(group) == []
    assert "/digest 09:00 Europe/Berlin" in (await group.ask("digest")).text


async def test_each_topic_has_its_own_digests(group: Group) -> None:
    await group.ask("remember on")
    await group.ask("digest 9:00 topic", thread_id="5")
    await group.ask("digest 9:00 topic", thread_id="6")
    assert "of this topic" in (await group.ask("digest", thread_id="6")).text
    for topic in "56":
        await group.say(f"words in {topic}", thread_id=topic)
    await fire(group, (await plans(group))[0].next_at)
    asked = [question.turns[-1].text for question in group.loopback.answerer.questions]
    assert [("in 5" in text, "in 6" in text) for text in sorted(asked)] == [(1, 0), (0, 1)]
    await group.ask("digest 8:00")
    assert len(await plans(group)) == 3
    await group.ask("digest off", thread_id="6")
    assert {plan.thread_id for plan in await plans(group)} == {"5", None}


async def test_members_cannot_schedule_digests(group: Group) -> None:
    await group.ask("remember on")
    await group.ask("digest 10:00 UTC")
    group.loopback.platform.can_administer = False
    for words in ("9:00 UTC", "off"):
        assert "admins" in (await group.ask(f"digest {words}", BEN)).text
    assert [plan.at for plan in await plans(group)] == ["10:00"]
    assert "10:00" in (await group.ask("digest", BEN)).text


async def test_bad_times_and_missing_history_are_refused(group: Group) -> None:
    assert "/remember on" in (await group.ask("digest 9:00 UTC")).text
    await group.ask("remember on")
    assert "time zone Nowhere" in (await group.ask("digest 9:00 Nowhere")).text
    assert "/digest 09:00" in (await group.ask("digest soon")).text
    assert await plans(group) == []


async def test_digest_covers_the_time_since_the_last_one(group: Group) -> None:
    await group.ask("remember on")
    await group.ask("digest 9:00 UTC", thread_id="5")
    await group.say("I buy a boat")
    [plan] = await plans(group)
    [reply] = await fire(group, plan.next_at)
    assert "Ada buys a boat" in reply.text
    assert "late" not in reply.text
    assert "I buy a boat" in group.loopback.answerer.questions[-1].turns[-1].text
    [job] = [j for j in await group.loopback.store.jobs.history(GROUP) if j.command == "digest_due"]
    assert (job.message.thread_id, job.message.message_id[:7]) == ("5", "digest:")
    # Nothing was said since: nothing is told.
    assert await fire(group, plan.next_at + timedelta(days=1)) == []
    assert len(group.loopback.answerer.questions) == 1


async def test_missed_digest_is_sent_once_and_marked_late(
    store: Store, tmp_path: Path, database_url: str
) -> None:
    async with group_on(store) as group:
        await group.ask("remember on")
        await group.ask("digest 9:00 UTC")
        await group.say("I buy a boat", sent_at=current_clock().now() - timedelta(minutes=1))
        [plan] = await plans(group)
    # The machine was off for three days; its clock stands for that of the tests.
    await store.schedules.remove(plan)
    await store.schedules.add(replace(plan, next_at=plan.next_at - timedelta(days=4)))
    for _ in range(2):
        again = Store(database_url, make_cipher(None, tmp_path), current_clock())
        async with run_loopback(again) as loopback:
            loopback.answerer.scripts = {".": TOLD}
            await wait_for_digests(again)
        await again.close()
        if loopback.platform.sent:
            [(_, reply)] = loopback.platform.sent
    assert reply.text.startswith("This digest is late: the bot was offline when it was due.\n\n")
    assert "Ada buys a boat" in reply.text
    jobs = await store.jobs.recent(set(JobState))
    assert [job.state for job in jobs if job.command == "digest_due"] == [JobState.DONE]


async def wait_for_digests(store: Store) -> None:
    clock = current_clock()
    while not (due_at := await store.schedules.next_due_at()) or due_at < clock.now():
        await clock.sleep(1)
    await settle(store)


async def test_digests_end_when_history_is_turned_off(group: Group) -> None:
    await group.ask("remember on")
    await group.ask("digest 9:00 UTC")
    [plan] = await plans(group)
    await group.ask("remember off")
    [reply] = await fire(group, plan.next_at)
    assert reply.text == "Digests are turned off, because chat history is off."
    assert await plans(group) == []


def test_links_move_with_their_text() -> None:
    reply = Reply("see here", links=(Link(4, 8, "12"),), buttons=(Button("x", "y"),))
    late = reply.begin_with("Late.")
    assert late.text == "Late.\n\nsee here"
    [link] = late.links
    assert late.text[link.start : link.end] == "here"
    assert late.buttons == reply.buttons
