"""Fairness: whose job runs next, how many run at once, and how many may be open."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import partial

import pytest
from sqlalchemy import select, update

from core.clock import Clock
from core.commands import pick_command
from core.commands.cancel import pick_cancelled
from core.models import Attachment, Job, JobState, Message
from core.store import Store
from core.store.database.tables import jobs
from core.store.work import excess
from core.store.work.turns import SHARE
from tests.conftest import NewMessage

#: Elsewhere the queue that several processes share lets people take turns.
pytestmark = pytest.mark.sqlite_only
_PEOPLE = select(jobs.c.job_id, jobs.c.person)
_FORGET_PEOPLE = update(jobs).values(person=None, turn=0)


async def add(store: Store, message: Message) -> Job:
    job = await store.intake.add(message, pick_command)
    assert job
    return job


def note(new_message: NewMessage, person: str, seconds: float = 20.0, chat: str = "") -> Message:
    """A voice note in a chat of its own."""
    message = new_message(sender_id=person, attachment=Attachment("file", duration_s=seconds))
    chat_id = chat or f"{person}-{message.message_id}"
    return replace(message, chat=replace(message.chat, chat_id=chat_id))


async def claim(store: Store, most: int, reserve: int = 0) -> list[str]:
    """Claim jobs; return whose they are."""
    found = await store.jobs.claim(most, reserve)
    return [job.message.sender_id for job in found.jobs]


async def test_one_person_holds_a_few_places_while_others_wait(
    store: Store, new_message: NewMessage
) -> None:
    for person in ["a"] * 30 + ["b"] * 30:
        await add(store, note(new_message, person))
    assert Counter(await claim(store, 2 * SHARE)) == {"a": SHARE, "b": SHARE}
    assert await claim(store, 8, reserve=8) == [], "both have their share"
    await add(store, note(new_message, "c"))
    assert await claim(store, 1, reserve=8) == ["c"]


async def test_one_person_alone_has_all_places_but_a_reserve(
    store: Store, new_message: NewMessage
) -> None:
    for _ in range(40):
        await add(store, note(new_message, "a"))
    assert await claim(store, 32, reserve=8) == ["a"] * 24
    assert await claim(store, 8, reserve=8) == []
    for person in "bcbcb":
        await add(store, note(new_message, person))
    assert await claim(store, 8, reserve=8) == ["b", "c", "b", "c", "b"]


async def test_people_take_turns(store: Store, new_message: NewMessage) -> None:
    """Whoever has asked for a lot waits behind somebody who has asked for one thing."""
    for person in "aaaaaabbbbbbcd":
        await add(store, note(new_message, person))
    turns = [person for _ in range(7) for person in await claim(store, 2)]
    assert turns == list("abcdababababab")


async def test_short_notes_pass_long_recordings(store: Store, new_message: NewMessage) -> None:
    await add(store, note(new_message, "a", 3600.0))
    await add(store, note(new_message, "b", 3600.0))
    await add(store, note(new_message, "a", 15.0))
    await add(store, note(new_message, "c", 15.0))
    found = await store.jobs.claim(4)
    lengths = [job.message.attachment.duration_s for job in found.jobs if job.message.attachment]
    assert lengths == [15.0, 3600.0, 3600.0, 15.0]


async def test_the_order_in_a_chat_stays(store: Store, new_message: NewMessage) -> None:
    await add(store, note(new_message, "a", 3600.0, chat="one"))
    short = await add(store, note(new_message, "b", 5.0, chat="one"))
    assert await claim(store, 9) == ["a"]
    assert await claim(store, 9) == []
    await store.jobs.note_delay_shown(short.job_id)
    assert await claim(store, 9) == [], "only the one in front lets others pass"


async def test_a_long_recording_is_not_passed_for_ever(
    store: Store, new_message: NewMessage
) -> None:
    """However many people send short notes all the time."""
    await add(store, note(new_message, "first"))
    await store.jobs.claim(1)
    await add(store, note(new_message, "long", 7200.0))
    for number in range(100):
        await add(store, note(new_message, f"person {number}", 30.0))
        [person] = await claim(store, 1)
        if person == "long":
            break
    assert person == "long" and number > 5


async def test_what_is_cancelled_waits_for_nobody(store: Store, new_message: NewMessage) -> None:
    for _ in range(SHARE + 1):
        await add(store, note(new_message, "a", chat="one"))
        await add(store, note(new_message, "a"))
    await store.jobs.claim(32)
    cancel = new_message("one", sender_id="a", attachment=None, command="cancel")
    job = await add(store, cancel)
    assert [one.job_id for one in (await store.jobs.claim(1)).jobs] == [job.job_id]


async def test_a_cancel_is_taken_beyond_the_limit_if_it_ends_something(
    store: Store, new_message: NewMessage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(excess, "MAX_OF_PERSON", 3)
    for _ in range(3):
        await add(store, note(new_message, "a", chat="one"))
    ends = []
    for _ in range(3):
        cancel = new_message("one", sender_id="a", attachment=None, command="cancel")
        stop = partial(pick_cancelled, False)
        job = await store.intake.add(cancel, pick_command, choose_stopped=stop)
        found = await store.jobs.find(job.job_id) if job else None
        assert found
        ends.append((found.state, found.outcome))
    waiting, refused = JobState.WAITING, JobState.REFUSED
    assert ends == [(waiting, JobState.DONE), (waiting, refused), (refused, refused)]


async def test_urgent_jobs_of_one_person_take_one_place(
    store: Store, new_message: NewMessage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Answers to slash commands that are refused, or /cancel, however many there are."""
    monkeypatch.setattr(excess, "MAX_OF_PERSON", 5)
    for _ in range(5):
        await add(store, new_message("one", sender_id="a", attachment=None, command="cancel"))
    for number in range(40):
        asked = replace(note(new_message, "a"), reply_token="token", message_id=f"i{number}")
        assert (await add(store, asked)).state is JobState.WAITING
    await add(store, note(new_message, "b"))
    assert await claim(store, 32, reserve=8) == ["a", "b"]
    assert await claim(store, 32) == [], "until that one has ended"
    [urgent] = [
        one for one in await store.jobs.recent([JobState.RUNNING]) if one.command == "cancel"
    ]
    await store.jobs.finish(urgent.job_id, JobState.DONE)
    assert await claim(store, 32, reserve=8) == ["a"]


async def test_a_person_is_stored_as_a_digest(store: Store, new_message: NewMessage) -> None:
    mine = await add(store, note(new_message, "123456789"))
    again = await add(store, note(new_message, "123456789"))
    other = await add(store, note(new_message, "123456780"))
    rows = await store._database.rows(_PEOPLE)
    people = {row.job_id: row.person for row in rows}
    assert people[mine.job_id] == people[again.job_id] != people[other.job_id]
    assert not any("12345678" in person for person in people.values())


async def test_too_many_requests_of_a_person_get_one_answer(
    store: Store, new_message: NewMessage, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(excess, "MAX_OF_PERSON", 3)
    for _ in range(3):
        await add(store, note(new_message, "a"))
    more = [await add(store, note(new_message, "a")) for _ in range(5)]
    assert [job.state for job in more] == [JobState.WAITING] + [JobState.REFUSED] * 4
    stored = [await store.jobs.find(job.job_id) for job in more]
    assert {job.error for job in stored if job} == {"TooManyOpen"}
    assert {job.outcome for job in stored if job} == {JobState.REFUSED}
    assert {job.reply.text[:35] for job in stored if job and job.reply} == {
        "I am still working on 3 requests of"
    }, "the history shows each as refused, and why"
    other = await add(store, note(new_message, "b"))
    assert other.state is JobState.WAITING
    found = await store.jobs.claim(9)
    assert found.jobs[0].job_id == more[0].job_id, "the answer does not wait"
    await store.jobs.finish(more[0].job_id, JobState.REFUSED, more[0].error or "TooManyOpen")
    late = await add(store, note(new_message, "a"))
    assert late.state is JobState.REFUSED, "it was told already"
    await clock.sleep(600)
    again = await add(store, note(new_message, "a"))
    assert again.state is JobState.WAITING, "that was long ago"


async def test_a_chat_has_a_limit_of_its_own(
    store: Store, new_message: NewMessage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(excess, "MAX_IN_CHAT", 3)
    for person in "abc":
        await add(store, note(new_message, person, chat="group"))
    first = await add(store, note(new_message, "d", chat="group"))
    assert (await store.jobs.find(first.job_id)).outcome is JobState.REFUSED  # type: ignore[union-attr]
    elsewhere = await add(store, note(new_message, "a"))
    assert (await store.jobs.find(elsewhere.job_id)).outcome is JobState.DONE  # type: ignore[union-attr]


async def test_a_slash_command_always_gets_its_own_answer(
    store: Store, new_message: NewMessage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(excess, "MAX_OF_PERSON", 1)
    await add(store, note(new_message, "a"))
    asked = replace(note(new_message, "a"), reply_token="token")
    states = [(await add(store, replace(asked, message_id=f"i{n}"))).state for n in range(3)]
    assert states == [JobState.WAITING] * 3


async def test_what_nobody_asked_for_is_refused_silently(
    store: Store, new_message: NewMessage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(excess, "MAX_OF_PERSON", 1)
    store.intake.is_silent = lambda command: True
    await add(store, note(new_message, "a"))
    assert (await add(store, note(new_message, "a"))).state is JobState.REFUSED


async def test_jobs_from_before_the_migration_are_nobodys(
    store: Store, new_message: NewMessage
) -> None:
    for _ in range(10):
        await add(store, note(new_message, "a"))
    await store._database.write(lambda one: one.execute(_FORGET_PEOPLE))
    assert len(await claim(store, 10)) == 10
